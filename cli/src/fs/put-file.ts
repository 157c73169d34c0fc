/**
 * Copies one file of this machine into the filesystem, whole or not at all. What a large file's copy leaves
 * behind when the process is killed is `NAME._COPYING_`; with `--resume` a later run goes on there.
 */
import { createReadStream, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FileStatus, type FileWriteStream, isFsError } from '@hopbine/client/index.ts'
import { INLINE_BYTES_MAX, LEASE_SOFT_MS } from '@hopbine/common/base/limits.ts'
import { copyingPath } from './copying-name.ts'
import type { Item } from './items.ts'
import { isLater, type LocalItem } from './local-tree.ts'
import { PathError } from './path-error.ts'
import type { NewFiles } from './properties.ts'
import { pump } from './pump.ts'
import type { Transfer } from './transfer.ts'

/** Bytes read from the local disk at a time. */
const READ_BYTES = 1024 * 1024
/** How long to wait for the lease of a killed run to end, and between two tries, in milliseconds. */
const LEASE_WAIT_MS = LEASE_SOFT_MS + 10_000
const LEASE_POLL_MS = 2_000

export async function putFile(transfer: Transfer, source: LocalItem, target: Item): Promise<void> {
  const { progress } = transfer
  if (target.status?.isDirectory() === true) throw PathError.isDirectory(target.text)
  if (transfer.isResuming && isCopied(source, target.status)) {
    progress.bytes += source.size
    return
  }
  if (target.status !== undefined && !transfer.overwrite) throw PathError.exists(target.text)
  if (source.size <= INLINE_BYTES_MAX) await putSmall(transfer, source, target)
  else await putLarge(transfer, source, target)
  await transfer.tell(source.text, target.path, source.size)
}

/** Of the same size, and made after the source was last changed. */
function isCopied(source: LocalItem, status: FileStatus | undefined): boolean {
  return status?.isFile() === true && status.size === source.size && !isLater(source.mtime, status.mtime)
}

async function putSmall(transfer: Transfer, source: LocalItem, target: Item): Promise<void> {
  const { call, progress, overwrite } = transfer
  // A small file is in one read; going through the thread pool would cost five trips.
  const content = readFileSync(source.text)
  await call.fs.writeFile(target.path, content, {
    ...creation(transfer),
    overwrite,
    ...(transfer.preserve ? { mode: source.mode, umask: 0 } : {}),
  })
  progress.bytes += content.length
  if (transfer.preserve) await keepTimes(transfer, source, target.path)
}

async function putLarge(transfer: Transfer, source: LocalItem, target: Item): Promise<void> {
  const { call } = transfer
  const temporary = copyingPath(target.path)
  const { stream, start } = await openTemporary(transfer, source, temporary)
  transfer.progress.bytes += start
  const bytes = createReadStream(source.text, { start, highWaterMark: READ_BYTES })
  await pump(transfer, bytes, stream)
  if (transfer.preserve) {
    await call.fs.setPermission(temporary, source.mode)
    await keepTimes(transfer, source, temporary)
  }
  await moveInPlace(transfer, temporary, target)
}

/** A stream, of any length. `source` names it for `--json`. */
export async function putStream(
  transfer: Transfer,
  bytes: AsyncIterable<Buffer>,
  target: Item,
  source = '-',
): Promise<void> {
  if (target.status !== undefined && !transfer.overwrite) throw PathError.exists(target.text)
  const temporary = copyingPath(target.path)
  const stream = await createTemporary(transfer, temporary)
  await pump(transfer, bytes, stream)
  await moveInPlace(transfer, temporary, target)
  await transfer.tell(source, target.path, stream.bytesWritten)
}

interface Opened {
  readonly stream: FileWriteStream
  /** Bytes that are there already. */
  readonly start: number
}

async function openTemporary(transfer: Transfer, source: LocalItem, temporary: string): Promise<Opened> {
  if (transfer.isResuming) {
    const opened = await reopenTemporary(transfer, source, temporary)
    if (opened !== undefined) return opened
  }
  return { stream: await createTemporary(transfer, temporary), start: 0 }
}

/** The part that an earlier run left, if it is still good for this source. */
async function reopenTemporary(
  transfer: Transfer,
  source: LocalItem,
  temporary: string,
): Promise<Opened | undefined> {
  const { fs } = transfer.call
  const [status] = await Promise.allSettled([fs.getFileStatus(temporary)])
  if (status.status === 'rejected') {
    if (isFsError(status.reason, 'NOT_FOUND')) return undefined
    throw status.reason
  }
  const part = status.value
  if (!part.isFile() || part.size === 0 || part.size > source.size) return undefined
  if (isLater(source.mtime, part.mtime)) return undefined
  if (part.isOpen) await awaitLease(transfer, temporary)
  const start = await lengthWithoutHoles(transfer, temporary)
  return { stream: await fs.append(temporary), start }
}

/**
 * Cuts what an earlier run left at its first hole, and answers the length. Blocks are acknowledged side by
 * side, so a writer that was killed may have committed the second one while the end of the first was still
 * on its way.
 */
async function lengthWithoutHoles(transfer: Transfer, temporary: string): Promise<number> {
  const { fs } = transfer.call
  const { size, isInline } = await fs.getFileStatus(temporary)
  if (isInline) return size
  let length = 0
  for (const part of await fs.getFileBlockLocations(temporary)) {
    if (part.offset > length) break
    length = part.offset + part.length
  }
  if (length < size) await fs.truncate(temporary, length)
  return length
}

async function awaitLease(transfer: Transfer, temporary: string): Promise<void> {
  const { call } = transfer
  const deadline = performance.now() + LEASE_WAIT_MS
  for (let told = false; !(await call.fs.recoverLease(temporary)); told = true) {
    if (performance.now() > deadline) throw new PathError(temporary, 'Another client is writing it')
    if (!told) call.note(`waiting for the lease of an earlier run on ${temporary}, about a minute ...`)
    await sleep(LEASE_POLL_MS, undefined, { signal: call.signal })
  }
}

async function createTemporary(transfer: Transfer, temporary: string): Promise<FileWriteStream> {
  const { fs } = transfer.call
  // What a killed run left behind may still be leased to it; nobody needs it any more.
  await fs.delete(temporary, { only: 'file' }).catch((error: unknown) => {
    if (!isFsError(error, 'NOT_FOUND')) throw error
  })
  return fs.create(temporary, creation(transfer))
}

async function moveInPlace(transfer: Transfer, temporary: string, target: Item): Promise<void> {
  const { fs } = transfer.call
  try {
    await fs.rename(temporary, target.path, { existing: transfer.overwrite ? 'replace' : 'refuse' })
  } catch (error) {
    await fs.delete(temporary, { only: 'file' })
    throw isFsError(error, 'ALREADY_EXISTS') ? PathError.exists(target.text) : error
  }
}

async function keepTimes(transfer: Transfer, source: LocalItem, path: string): Promise<void> {
  await transfer.call.fs.setTimes(path, { atime: source.atime, mtime: source.mtime })
}

function creation(transfer: Transfer): {
  createParents: false
  signal?: AbortSignal
} & NewFiles {
  return {
    createParents: false,
    // A run that can be resumed ends its part in order instead of giving it up.
    ...(transfer.isResuming ? {} : { signal: transfer.call.signal }),
    ...transfer.call.newFiles,
    ...(transfer.call.has('l') ? { replication: 1 } : {}),
  }
}
