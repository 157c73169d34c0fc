/**
 * Copies one file to this machine, whole or not at all. What the copy leaves behind when the process is
 * killed is `NAME._COPYING_`; with `--resume` a later run goes on there.
 */
import { createWriteStream, renameSync, type Stats, statSync, writeFileSync } from 'node:fs'
import { chmod, rm, truncate, utimes } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { FileStatus } from '@hopbine/client/index.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { copyingPath } from './copying-name.ts'
import type { FoundItem } from './items.ts'
import { PathError } from './path-error.ts'
import type { Transfer } from './transfer.ts'

export async function getFile(transfer: Transfer, item: FoundItem, target: string): Promise<void> {
  const { status } = item
  const there = statOf(target)
  if (there?.isDirectory() === true) throw PathError.isDirectory(target)
  if (transfer.isResuming && isCopied(status, there)) {
    transfer.progress.bytes += status.size
    return
  }
  if (there !== undefined && !transfer.overwrite) throw PathError.exists(target)
  const temporary = copyingPath(target)
  try {
    if (status.size <= INLINE_BYTES_MAX) await copySmall(transfer, item, temporary)
    else await copyLarge(transfer, item, temporary)
    if (transfer.preserve) await keepAttributes(status, temporary)
    renameSync(temporary, target)
  } catch (error) {
    if (!transfer.isResuming) await rm(temporary, { force: true })
    throw error
  }
  await transfer.tell(item.path, target, status.size)
}

async function copySmall(transfer: Transfer, item: FoundItem, temporary: string): Promise<void> {
  const content = await transfer.call.fs.readFile(item.path, { signal: transfer.call.signal })
  // A small file is out in one write; going through the thread pool would cost three trips.
  writeFileSync(temporary, content)
  transfer.progress.bytes += content.length
}

async function copyLarge(transfer: Transfer, item: FoundItem, temporary: string): Promise<void> {
  const { call, progress } = transfer
  const start = transfer.isResuming ? resumeAt(item.status, temporary) : 0
  progress.bytes += start
  const bytes = await call.fs.open(item.path, { start, signal: call.signal })
  const file = createWriteStream(temporary, start === 0 ? { flags: 'w' } : { flags: 'r+', start })
  await pipeline(bytes, chunks => transfer.counted(chunks), file, { signal: call.signal })
  await truncate(temporary, Math.max(bytes.status.size, start))
}

/** The length of a part that an earlier run left, if the file was not changed since. */
function resumeAt(status: FileStatus, temporary: string): number {
  const part = statOf(temporary)
  if (part === undefined || !part.isFile() || part.size > status.size) return 0
  return part.mtimeMs < status.mtimeMs ? 0 : part.size
}

/** Of the same size, and made after the source was last changed. */
function isCopied(status: FileStatus, there: Stats | undefined): boolean {
  // A time that was kept is as exact as the local disk's milliseconds.
  return there?.isFile() === true && there.size === status.size && there.mtimeMs >= status.mtimeMs - 1
}

async function keepAttributes(status: FileStatus, path: string): Promise<void> {
  await chmod(path, status.mode)
  await utimes(path, status.atimeMs / 1000, status.mtimeMs / 1000)
}

/** Undefined where nothing is. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined
    throw error
  }
}
