/** Operations on ranges of open files: allocating, punching holes, and finding data and holes. */
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import type { FileMap, Window } from '../../fs/file-map.ts'
import { encodeOffset } from '../protocol/encode.ts'
import type { RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import type { MountContext } from './mount-context.ts'
import { done, reply } from './reply.ts'

/** Bits of fallocate(2)'s mode. */
const KEEP_SIZE = 0x01
const PUNCH_HOLE = 0x02
const ZERO_RANGE = 0x10
/** lseek(2)'s ways to look. */
const SEEK_DATA = 3
const SEEK_HOLE = 4

/** Room is not set aside: an allocation only grows the file, and a write may still find the disk full. */
export async function allocate(
  context: MountContext,
  { header, body }: RequestOf<'fallocate'>,
): Promise<Reply> {
  const { offset, length, mode } = body
  const { file, isWritable } = context.parts.handles.file(body.handle)
  if (!isWritable) throw new PosixError('EBADF')
  if (length <= 0) throw new PosixError('EINVAL')
  const end = offset + length
  if (end > FILE_BYTES_MAX) throw new PosixError('EFBIG')
  const isPunch = mode === (PUNCH_HOLE | KEEP_SIZE)
  const isZero = (mode & ~KEEP_SIZE) === ZERO_RANGE
  if (!isPunch && !isZero && (mode & ~KEEP_SIZE) !== 0) throw new PosixError('EOPNOTSUPP')
  if (isPunch || isZero) await file.punch(offset, length)
  if ((mode & KEEP_SIZE) === 0) {
    const { status } = await file.freshMap(0)
    if (end > status.size) await file.truncate(end)
  }
  return done(header)
}

export async function seek(context: MountContext, { header, body }: RequestOf<'lseek'>): Promise<Reply> {
  const { file } = context.parts.handles.file(body.handle)
  const { offset, whence } = body
  if (whence !== SEEK_DATA && whence !== SEEK_HOLE) throw new PosixError('EINVAL')
  if (offset < 0) throw new PosixError('ENXIO')
  const map = await file.freshMap(offset)
  if (offset >= map.status.size) throw new PosixError('ENXIO')
  const found = whence === SEEK_DATA ? await nextData(map, offset) : await nextHole(map, offset)
  return reply(encodeOffset(header.unique, found))
}

/** The first byte at or behind `offset` that something was written to. ENXIO if there is none. */
async function nextData(map: FileMap, offset: number): Promise<number> {
  for (let at = offset; at < map.status.size; ) {
    const window = await map.window(at, {})
    if (at < inlineEnd(window)) return at
    const next = window.extents.find(extent => extent.offset + extent.length > at)
    if (next !== undefined) return Math.max(next.offset, at)
    at = window.end
  }
  throw new PosixError('ENXIO')
}

/** The first byte at or behind `offset` that nothing was written to; the end of the file counts as one. */
async function nextHole(map: FileMap, offset: number): Promise<number> {
  for (let at = offset; at < map.status.size; ) {
    const window = await map.window(at, {})
    const end = endOfData(window, at)
    if (end < window.end) return Math.min(end, map.status.size)
    at = end
  }
  return map.status.size
}

/** How far the bytes from `at` on go without a gap, up to the window's end. */
function endOfData(window: Window, at: number): number {
  let end = Math.max(at, inlineEnd(window))
  for (const extent of window.extents) {
    if (extent.offset > end) break
    end = Math.max(end, extent.offset + extent.length)
  }
  return Math.min(end, window.end)
}

/** Bytes in the metadata store are data; what is behind them is a hole. */
function inlineEnd(window: Window): number {
  return window.inline?.length ?? 0
}
