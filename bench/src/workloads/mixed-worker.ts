/**
 * One program on a mount: makes, changes, moves, reads and removes files below its own directory, and
 * knows what each of them must hold. A mount that goes away in the middle of a step leaves that step's files
 * unknown, and nothing else.
 */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { patternAt } from '../integration/content.ts'
import type { SeededRandom } from '../load/random.ts'

const KIB = 1024
/** Files kept at most. */
const FILES_MAX = 400
const FOLDERS = 8
/** Errors of a mount whose daemon is gone, or is being replaced. */
const AWAY_CODES = ['ENOTCONN', 'ECONNABORTED', 'EIO', 'ENODEV']
const AWAY_MS = 50

/** Bytes of a file: pieces of the pattern, in order. */
type Content = readonly { readonly from: number; readonly length: number }[]

export class MixedWorker {
  readonly #top: string
  readonly #random: SeededRandom
  readonly #files = new Map<string, Content>()
  /** What the step in hand may have changed. */
  #touched: string[] = []
  #made = 0
  /** Whether the mount serves; while it does not, nobody works. */
  isServed = true
  operations = 0
  readonly problems: string[] = []
  lost = 0
  wrong = 0

  constructor(top: string, random: SeededRandom) {
    this.#top = top
    this.#random = random
  }

  async start(): Promise<void> {
    for (let folder = 0; folder < FOLDERS; folder++) {
      await fs.mkdir(join(this.#top, `d${folder}`), { recursive: true })
    }
  }

  /** Works until it is told to stop. */
  async work(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (!this.isServed) {
        await sleep(AWAY_MS)
        continue
      }
      this.#touched = []
      try {
        await this.#step()
        this.operations += 1
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        for (const path of this.#touched) this.#files.delete(path)
        if (!AWAY_CODES.includes(code ?? '')) this.problems.push(message)
        // Whoever replaces the daemon says when it is there.
        else await sleep(AWAY_MS)
      }
    }
  }

  /** Every file that is known is there with its bytes. */
  async verify(): Promise<void> {
    for (const path of [...this.#files.keys()]) await this.#read(path)
  }

  /** Removes everything, file by file. */
  async remove(): Promise<void> {
    await fs.rm(this.#top, { recursive: true, force: true })
  }

  async #step(): Promise<void> {
    const below = (bound: number): number => this.#random.below(bound)
    if (this.#files.size >= FILES_MAX) return this.#unlink(this.#some())
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        return this.#write(this.#fresh(), below(20 * KIB), below(8) === 0)
      case 3:
        return this.#write(this.#fresh(), 100 * KIB + below(900 * KIB), below(2) === 0)
      case 4:
        return this.#append(this.#some(), below(10 * KIB))
      case 5:
        return this.#rename(this.#some(), this.#fresh())
      case 6:
        return this.#unlink(this.#some())
      case 7:
        return this.#list()
      case 8:
        return this.#tree()
      case 9:
        return this.#write(this.#some(), below(5 * KIB), false)
      default:
        return this.#read(this.#some())
    }
  }

  #fresh(): string {
    this.#made += 1
    return join(`d${this.#random.below(FOLDERS)}`, `f${this.#made}`)
  }

  /** Of a file that is there; a fresh one while there is none. */
  #some(): string {
    const paths = [...this.#files.keys()]
    return paths[this.#random.below(paths.length)] ?? this.#fresh()
  }

  async #write(path: string, length: number, isSynced: boolean): Promise<void> {
    this.#touched = [path]
    const from = this.#random.below(1 << 24) * 4
    const handle = await fs.open(join(this.#top, path), 'w')
    try {
      await handle.writeFile(patternAt(from, length))
      if (isSynced) await handle.sync()
    } finally {
      await handle.close()
    }
    this.#files.set(path, [{ from, length }])
  }

  async #append(path: string, length: number): Promise<void> {
    this.#touched = [path]
    const from = this.#random.below(1 << 24) * 4
    await fs.appendFile(join(this.#top, path), patternAt(from, length))
    this.#files.set(path, [...(this.#files.get(path) ?? []), { from, length }])
  }

  async #rename(path: string, to: string): Promise<void> {
    const content = this.#files.get(path)
    if (content === undefined) return
    this.#touched = [path, to]
    await fs.rename(join(this.#top, path), join(this.#top, to))
    this.#files.delete(path)
    this.#files.set(to, content)
  }

  async #unlink(path: string): Promise<void> {
    if (!this.#files.has(path)) return
    this.#touched = [path]
    await fs.unlink(join(this.#top, path))
    this.#files.delete(path)
  }

  async #list(): Promise<void> {
    const folder = `d${this.#random.below(FOLDERS)}`
    const names = new Set(await fs.readdir(join(this.#top, folder)))
    for (const path of this.#files.keys()) {
      const [at, name = ''] = path.split('/')
      if (at !== folder || names.has(name)) continue
      this.lost += 1
      this.problems.push(`${path} is not listed`)
    }
  }

  /** A tree that comes and goes, as a build makes one. */
  async #tree(): Promise<void> {
    this.#made += 1
    const top = join(this.#top, `t${this.#made}`)
    await fs.mkdir(join(top, 'a', 'b'), { recursive: true })
    for (let file = 0; file < 10; file++) await fs.writeFile(join(top, 'a', `f${file}`), patternAt(file, 700))
    await fs.symlink('a', join(top, 'link'))
    await fs.link(join(top, 'a', 'f1'), join(top, 'a', 'b', 'hard'))
    await fs.rm(top, { recursive: true })
  }

  async #read(path: string): Promise<void> {
    const content = this.#files.get(path)
    if (content === undefined) return
    const found = await fs.readFile(join(this.#top, path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      return undefined
    })
    if (found === undefined) {
      this.lost += 1
      this.problems.push(`${path} is gone`)
      this.#files.delete(path)
      return
    }
    const wanted = Buffer.concat(content.map(({ from, length }) => patternAt(from, length)))
    if (found.equals(wanted)) return
    this.wrong += 1
    this.problems.push(`${path} has ${found.length} bytes that are not the ${wanted.length} written`)
    this.#files.delete(path)
  }
}
