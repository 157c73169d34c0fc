/**
 * One user of the crash workload: alone in a directory, one operation at a time, with a record of what was
 * acknowledged. It never guesses: an operation without an answer makes its names uncertain, and they are left
 * alone from then on.
 */
import { pipeline } from 'node:stream/promises'
import { type FileSystem, isFsError } from '@hopbine/client/index.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import type { Step } from '../load.ts'
import { SeededRandom } from '../random.ts'
import type { CrashSpec } from './crash.ts'
import {
  bytesOf,
  type Content,
  type CrashCounts,
  sizeOf,
  verifyFolder,
  type Write,
  writtenBytes,
} from './crash-verify.ts'

/** Answers that mean: nobody knows whether it happened. Any other refusal contradicts the record. */
const UNANSWERED = new Set([
  'UNAVAILABLE',
  'TIMED_OUT',
  'BUSY',
  'NO_DATANODE',
  'NO_SPACE',
  'BLOCK_NOT_FOUND',
  'LEASE_LOST',
])
/** Files that a slot keeps; beyond it removes before it writes. */
const FILES_MAX = 200
/** Share of the writes that are too large to lie in the metadata. */
const LARGE_SHARE = 0.25
/** Writes that a file gathers before it is replaced. */
const WRITES_MAX = 6
export const CRASH_KINDS = [
  'write',
  'replace',
  'append',
  'patch',
  'rename',
  'remove',
  'read',
  'mkdir',
] as const
type Kind = (typeof CRASH_KINDS)[number]

export class CrashSlot {
  readonly #fs: FileSystem
  readonly #spec: CrashSpec
  readonly #folder: string
  readonly #random: SeededRandom
  readonly #counts: CrashCounts
  readonly #files = new Map<string, Content>()
  readonly #directories = new Set<string>()
  readonly #uncertain = new Set<string>()
  #made = 0

  constructor(fs: FileSystem, spec: CrashSpec, folder: string, seed: number, counts: CrashCounts) {
    this.#fs = fs
    this.#spec = spec
    this.#folder = folder
    this.#random = new SeededRandom(seed)
    this.#counts = counts
  }

  next(): Step {
    const dice = this.#random.fraction()
    const name = this.#anyFile()
    if (name === undefined || (dice < 0.35 && this.#files.size < FILES_MAX)) {
      return dice < 0.03 ? this.#mkdir() : this.#write('write', this.#newName())
    }
    if (dice < 0.55) return this.#change(name)
    if (dice < 0.68) return this.#rename(name)
    if (dice < 0.78) return this.#remove(name)
    return this.#read(name)
  }

  verify(): Promise<void> {
    const known = {
      folder: this.#folder,
      files: this.#files,
      directories: this.#directories,
      uncertain: this.#uncertain,
    }
    return verifyFolder(this.#fs, known, this.#counts)
  }

  /** A whole file, new or in place of another. */
  #write(kind: 'write' | 'replace', name: string): Step {
    const content = [this.#newWrite(0)]
    const options = { overwrite: kind === 'replace', replication: this.#spec.replication }
    return this.#step(kind, [name], async () => {
      await this.#fs.writeFile(`${this.#folder}/${name}`, bytesOf(content), options)
      this.#files.set(name, content)
    })
  }

  #change(name: string): Step {
    const content = this.#files.get(name) as Content
    const dice = this.#random.below(3)
    if (dice === 0 || content.length >= WRITES_MAX) return this.#write('replace', name)
    return dice === 1 ? this.#append(name, content) : this.#patch(name, content)
  }

  #append(name: string, content: Content): Step {
    const write = this.#newWrite(sizeOf(content))
    return this.#step('append', [name], async () => {
      const stream = await this.#fs.append(`${this.#folder}/${name}`)
      await pipeline([writtenBytes(write)], stream)
      this.#files.set(name, [...content, write])
    })
  }

  /** Bytes in the middle of a file, as a handle with random access writes them. */
  #patch(name: string, content: Content): Step {
    const write = this.#newWrite(this.#random.below(sizeOf(content) + 1))
    return this.#step('patch', [name], async () => {
      const handle = await this.#fs.openFile(`${this.#folder}/${name}`, { write: true })
      try {
        await handle.write(writtenBytes(write), write.offset)
        await handle.close()
      } catch (error) {
        await handle.abort()
        throw error
      }
      this.#files.set(name, [...content, write])
    })
  }

  #rename(from: string): Step {
    const to = this.#newName()
    return this.#step('rename', [from, to], async () => {
      await this.#fs.rename(`${this.#folder}/${from}`, `${this.#folder}/${to}`)
      this.#files.set(to, this.#files.get(from) as Content)
      this.#files.delete(from)
    })
  }

  #remove(name: string): Step {
    return this.#step('remove', [name], async () => {
      await this.#fs.delete(`${this.#folder}/${name}`)
      this.#files.delete(name)
    })
  }

  #mkdir(): Step {
    const name = this.#newName()
    return this.#step('mkdir', [name], async () => {
      await this.#fs.mkdir(`${this.#folder}/${name}`)
      this.#directories.add(name)
    })
  }

  /** A read sees what was acknowledged before it began. */
  #read(name: string): Step {
    const content = this.#files.get(name) as Content
    return {
      kind: CRASH_KINDS.indexOf('read'),
      run: async () => {
        try {
          const found = await this.#fs.readFile(`${this.#folder}/${name}`)
          if (found.equals(bytesOf(content))) return
        } catch (error) {
          if (!isFsError(error) || !UNANSWERED.has(error.code)) throw error
          this.#counts.unreadable += 1
          return
        }
        this.#counts.wrongContent += 1
        throw new Error(`${name} has other bytes than the ${sizeOf(content)} acknowledged`)
      },
    }
  }

  /** Counts the outcome; names of an operation without an answer are never touched again. */
  #step(kind: Kind, names: readonly string[], body: () => Promise<void>): Step {
    return {
      kind: CRASH_KINDS.indexOf(kind),
      run: async () => {
        try {
          await body()
          this.#counts.acknowledged += 1
        } catch (error) {
          for (const name of names) this.#uncertain.add(name)
          for (const name of names) this.#files.delete(name)
          if (!isFsError(error) || !UNANSWERED.has(error.code)) throw error
          this.#counts.unanswered += 1
        }
      },
    }
  }

  #newWrite(offset: number): Write {
    const large = this.#spec.kibibytesMax * 1024
    const isLarge = large > INLINE_BYTES_MAX && this.#random.fraction() < LARGE_SHARE
    const small = Math.min(large, INLINE_BYTES_MAX)
    // Most small files are very small, as everywhere.
    const size = isLarge
      ? INLINE_BYTES_MAX + this.#random.below(large - INLINE_BYTES_MAX)
      : Math.floor(small * this.#random.fraction() ** 4)
    return { offset, size, seed: this.#random.word() }
  }

  #newName(): string {
    this.#made += 1
    return `name-${this.#made}`
  }

  #anyFile(): string | undefined {
    if (this.#files.size === 0) return undefined
    let skip = this.#random.below(this.#files.size)
    for (const name of this.#files.keys()) if (skip-- === 0) return name
    return undefined
  }
}
