/**
 * A disk of the log in memory that can fail and crash: what was written and not made durable is lost in part.
 * Test only.
 */
import type { LogDisk, LogFile } from '../log/log-disk.ts'

interface Stored {
  /** What reads see. */
  content: Buffer
  /** What a crash leaves. */
  durable: Buffer
}

/** Disks write so much at once or not at all, in bytes. */
const SECTOR_BYTES = 512

export class MemoryLogDisk implements LogDisk {
  readonly files = new Map<string, Stored>()
  /** Errors that the next calls meet, by what they fail. */
  failSync: Error | undefined
  failPrepare: Error | undefined
  failRename: Error | undefined
  failRemove: Error | undefined
  /** Times that a file was asked to become durable, failed ones included. */
  syncs = 0

  list(): string[] {
    return [...this.files.keys()].sort()
  }

  open(name: string): LogFile {
    const stored = this.files.get(name)
    if (stored === undefined) throw new Error(`ENOENT ${name}`)
    return this.#file(stored)
  }

  async prepare(name: string, bytes: number): Promise<LogFile> {
    if (this.failPrepare !== undefined) throw this.failPrepare
    const stored = { content: Buffer.alloc(bytes), durable: Buffer.alloc(bytes) }
    this.files.set(name, stored)
    return this.#file(stored)
  }

  remove(name: string): void {
    if (this.failRemove !== undefined && this.files.has(name) && name.endsWith('.log')) throw this.failRemove
    this.files.delete(name)
  }

  rename(from: string, to: string): void {
    if (this.failRename !== undefined) throw this.failRename
    const stored = this.files.get(from)
    if (stored === undefined) throw new Error(`ENOENT ${from}`)
    this.files.delete(from)
    this.files.set(to, stored)
  }

  /** Bytes of a segment, by its place in the order of names; changing them changes the disk. */
  segment(at: number): Buffer {
    const name = this.list().filter(name => name.endsWith('.log'))[at]
    return this.files.get(name as string)?.content as Buffer
  }

  /** After a power cut: of each sector written since the last sync, `keep` says whether it got there. */
  crash(keep: () => boolean): MemoryLogDisk {
    const after = new MemoryLogDisk()
    for (const [name, { content, durable }] of this.files) {
      const left = Buffer.from(durable)
      for (let at = 0; at < content.length; at += SECTOR_BYTES) {
        const written = content.subarray(at, at + SECTOR_BYTES)
        if (!written.equals(left.subarray(at, at + SECTOR_BYTES)) && keep()) written.copy(left, at)
      }
      after.files.set(name, { content: left, durable: Buffer.from(left) })
    }
    return after
  }

  /** An independent disk with the same files, everything durable. */
  copy(): MemoryLogDisk {
    return this.crash(() => true)
  }

  #file(stored: Stored): LogFile {
    const sync = (): Error | null => {
      this.syncs += 1
      if (this.failSync !== undefined) return this.failSync
      stored.content.copy(stored.durable)
      return null
    }
    return {
      read: (target, position) => stored.content.copy(target, 0, position, position + target.length),
      write: (bytes, position) => {
        stored.content.set(bytes, position)
      },
      sync: done => {
        setImmediate(() => done(sync()))
      },
      syncNow() {
        const error = sync()
        if (error !== null) throw error
      },
      size: () => stored.content.length,
      close: () => undefined,
    }
  }
}
