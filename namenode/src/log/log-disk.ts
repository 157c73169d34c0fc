/**
 * The few things that the log asks of a disk. The real body is below; tests put one between that fails or
 * tears. Writes are synchronous copies into the page cache; only `sync` waits for the disk, off the event
 * loop.
 */
import * as fs from 'node:fs'
import { join } from 'node:path'
import { syncPath } from './sync-path.ts'

export interface LogFile {
  read(target: Buffer, position: number): number
  write(bytes: Uint8Array, position: number): void
  /** Calls back when every write before it is on the disk. */
  sync(done: (error: Error | null) => void): void
  syncNow(): void
  size(): number
  close(): void
}

export interface LogDisk {
  /** Names of the files in the log's folder, sorted. */
  list(): string[]
  open(name: string): LogFile
  /** Makes a file of `bytes` zeros that are really allocated, and its name, durable; off the event loop. */
  prepare(name: string, bytes: number): Promise<LogFile>
  remove(name: string): void
  rename(from: string, to: string): void
}

const ZEROS = Buffer.alloc(1024 * 1024)

export function realLogDisk(folder: string): LogDisk {
  fs.mkdirSync(folder, { recursive: true })
  return {
    list: () => fs.readdirSync(folder).sort(),
    open: name => realLogFile(fs.openSync(join(folder, name), 'r+')),
    async prepare(name, bytes) {
      const handle = await fs.promises.open(join(folder, name), 'wx+')
      try {
        for (let at = 0; at < bytes; at += ZEROS.length) {
          await handle.write(ZEROS, 0, Math.min(ZEROS.length, bytes - at), at)
        }
        await handle.sync()
      } finally {
        await handle.close()
      }
      syncPath(folder)
      return realLogFile(fs.openSync(join(folder, name), 'r+'))
    },
    remove: name => fs.rmSync(join(folder, name), { force: true }),
    rename(from, to) {
      fs.renameSync(join(folder, from), join(folder, to))
      syncPath(folder)
    },
  }
}

function realLogFile(fd: number): LogFile {
  return {
    read: (target, position) => fs.readSync(fd, target, 0, target.length, position),
    write(bytes, position) {
      for (let at = 0; at < bytes.length; ) {
        at += fs.writeSync(fd, bytes, at, bytes.length - at, position + at)
      }
    },
    sync: done => fs.fdatasync(fd, done),
    syncNow: () => fs.fdatasyncSync(fd),
    size: () => fs.fstatSync(fd).size,
    close: () => fs.closeSync(fd),
  }
}
