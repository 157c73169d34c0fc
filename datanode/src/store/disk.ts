/**
 * The few disk calls that blocks need, as promises over plain descriptors. Reads and writes are whole: short
 * ones go on until everything is done or the file ends. Errors of the disk come out as FsErrors where they
 * have a code.
 */
import { close, fdatasync, ftruncate, open as nodeOpen, read, write, writev, writevSync } from 'node:fs'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'

export function openFile(path: string, flags: string): Promise<number> {
  return new Promise((resolve, reject) => {
    nodeOpen(path, flags, 0o600, (error, fd) => (error === null ? resolve(fd) : reject(failed(error, path))))
  })
}

export function closeFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    close(fd, error => (error ? reject(failed(error, 'close')) : resolve()))
  })
}

/** Fills `target` from `position` on; fewer bytes only at the end of the file. */
export async function readAt(fd: number, target: Uint8Array, position: number): Promise<number> {
  let done = 0
  while (done < target.length) {
    const count = await readOnce(fd, target, done, position + done)
    if (count === 0) break
    done += count
  }
  return done
}

function readOnce(fd: number, target: Uint8Array, at: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, target, at, target.length - at, position, (error, count) =>
      error === null ? resolve(count) : reject(failed(error, 'read')),
    )
  })
}

/** Writes all buffers one after another from `position` on. */
export async function writeAt(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = buffers
  let at = position
  while (rest.length > 0) {
    const count = await writeOnce(fd, rest, at)
    if (count === 0) throw new FsError('NO_SPACE', 'the disk took no byte of a write')
    at += count
    rest = without(rest, count)
  }
}

/** So many bytes go to the page cache at once: copying them takes less than to wake a thread. */
const FEW_BYTES = 64 * 1024

/** What writes so many bytes whose sync is waited for. */
export function writerFor(bytes: number): typeof writeAt {
  return bytes <= FEW_BYTES ? writeFewAt : writeAt
}

async function writeFewAt(fd: number, buffers: readonly Uint8Array[], position: number): Promise<void> {
  let rest = buffers
  let at = position
  while (rest.length > 0) {
    const count = writevNow(fd, rest, at)
    if (count === 0) throw new FsError('NO_SPACE', 'the disk took no byte of a write')
    at += count
    rest = without(rest, count)
  }
}

function writevNow(fd: number, buffers: readonly Uint8Array[], position: number): number {
  try {
    return writevSync(fd, buffers, position)
  } catch (error) {
    throw failed(error as NodeJS.ErrnoException, 'write')
  }
}

function writeOnce(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, count: number): void =>
      error === null ? resolve(count) : reject(failed(error, 'write'))
    const [only] = buffers
    if (buffers.length === 1 && only !== undefined) write(fd, only, 0, only.length, position, done)
    else writev(fd, buffers, position, done)
  })
}

function without(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let left = bytes
  for (const [index, buffer] of buffers.entries()) {
    if (left < buffer.length) return [buffer.subarray(left), ...buffers.slice(index + 1)]
    left -= buffer.length
  }
  return []
}

export function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, error => (error === null ? resolve() : reject(failed(error, 'fdatasync'))))
  })
}

export function truncateFile(fd: number, length: number): Promise<void> {
  return new Promise((resolve, reject) => {
    ftruncate(fd, length, error => (error === null ? resolve() : reject(failed(error, 'truncate'))))
  })
}

/** Makes the entries of a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const fd = await openFile(path, 'r')
  try {
    await syncData(fd)
  } finally {
    await closeFile(fd)
  }
}

function failed(error: NodeJS.ErrnoException, doing: string): Error {
  // EIO is the disk saying that it cannot give back what it was given.
  if (error.code === 'EIO') return new FsError('CORRUPT', `${doing}: ${error.message}`, {}, { cause: error })
  return fromNodeError(error, doing)
}
