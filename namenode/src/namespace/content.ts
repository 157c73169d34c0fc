/**
 * What files consist of: taking written extents in (a later write wins, so the list never overlaps), cutting,
 * and letting go of blocks that nothing points into any more.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { BLOCK_BYTES_MAX, EXTENTS_PER_COMMIT_MAX, FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { ExtentRow } from '../store/tables/content-table.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'

/** Old extents looked at in one query while a new one is laid over them. */
const OVERLAP_PAGE = 256
/** Blocks looked up in one query while they are let go. */
const UNUSED_PAGE = 1024

/** Throws unless each extent is well formed and lies in a block of this file. Nothing is written. */
export function checkExtents(tx: Tx, row: EntryRow, extents: readonly Extent[], size: number): void {
  if (size < 0 || size > FILE_BYTES_MAX) throw new FsError('INVALID_ARGUMENT', `size ${size} is out of range`)
  if (extents.length > EXTENTS_PER_COMMIT_MAX) {
    throw new FsError('INVALID_ARGUMENT', `one commit has at most ${EXTENTS_PER_COMMIT_MAX} extents`)
  }
  const own = new Set<number>()
  for (const { offset, length, blockId, blockOffset } of extents) {
    if (offset < 0 || length <= 0 || blockOffset < 0 || offset + length > size) {
      throw new FsError(
        'INVALID_ARGUMENT',
        `extent ${offset}+${length} is not within a file of ${size} bytes`,
      )
    }
    if (blockOffset + length > BLOCK_BYTES_MAX) {
      throw new FsError('INVALID_ARGUMENT', `a block has at most ${BLOCK_BYTES_MAX} bytes`)
    }
    if (!own.has(blockId) && tx.blocks.get(blockId)?.inodeId !== row.id) {
      throw new FsError('INVALID_ARGUMENT', `block ${blockId} does not belong to inode ${row.id}`)
    }
    own.add(blockId)
  }
}

/** Lays extents over what the file has, in the order given. */
export function layExtents(tx: Tx, inodeId: number, extents: readonly Extent[]): void {
  const uses = new BlockUses()
  for (const extent of extents) {
    clearRange(tx, inodeId, extent.offset, extent.offset + extent.length, uses)
    uses.add(extent.blockId, extent.length, extent.blockOffset + extent.length)
    if (!grewLast(tx, inodeId, extent)) tx.extents.insert(inodeId, { ...extent })
  }
  uses.write(tx)
}

/** Cuts everything from `size` on, wherever the bytes are. The row's size is the caller's. */
export function cutContent(tx: Tx, row: EntryRow, size: number): void {
  if ((row.flags & ENTRY_FLAG.inline) === 0) return cutExtents(tx, row.id, size)
  if (size === 0) return leaveInline(tx, row)
  const data = tx.inline.get(row.id)
  if (data.length > size) tx.inline.set(row.id, data.subarray(0, size))
}

export function cutExtents(tx: Tx, inodeId: number, size: number): void {
  punchExtents(tx, inodeId, size, Number.MAX_SAFE_INTEGER)
}

/** Leaves a hole from `start` up to `end`. */
export function punchExtents(tx: Tx, inodeId: number, start: number, end: number): void {
  const uses = new BlockUses()
  clearRange(tx, inodeId, start, end, uses)
  uses.write(tx)
}

/** What a command changes in the use of blocks, gathered: many extents of one commit lie in one block. */
class BlockUses {
  readonly #uses = new Map<number, { bytes: number; needed: number }>()

  /** Extents gained (or lost) so many bytes of a block; `needed` is the highest byte they need. */
  add(blockId: number, bytes: number, needed: number): void {
    const use = this.#uses.get(blockId)
    if (use === undefined) this.#uses.set(blockId, { bytes, needed })
    else {
      use.bytes += bytes
      use.needed = Math.max(use.needed, needed)
    }
  }

  write(tx: Tx): void {
    for (const [blockId, { bytes, needed }] of this.#uses) tx.blocks.addLive(blockId, bytes, needed)
  }
}

/** Turns blocks of the file that no extent points into into tombstones: all of them, or about `max`. */
export function releaseUnusedBlocks(
  tx: Tx,
  context: CommandContext,
  inodeId: number,
  max = Number.POSITIVE_INFINITY,
): void {
  for (let left = max; left > 0; left -= UNUSED_PAGE) {
    const unused = tx.blocks.unused(inodeId, UNUSED_PAGE)
    for (const blockId of unused) {
      tx.blocks.delete(blockId)
      tx.tombstones.insert(blockId, context.seconds)
    }
    if (unused.length < UNUSED_PAGE) return
  }
}

/** The bytes live outside the metadata store from now on. */
export function leaveInline(tx: Tx, row: EntryRow): void {
  if ((row.flags & ENTRY_FLAG.inline) === 0) return
  tx.inline.delete(row.id)
  row.flags &= ~ENTRY_FLAG.inline
}

/** Removes `[start, end)` from the file: extents inside go, those across the borders are trimmed or split. */
function clearRange(tx: Tx, inodeId: number, start: number, end: number, uses: BlockUses): void {
  for (;;) {
    const overlapping = tx.extents.overlapping(inodeId, start, end, OVERLAP_PAGE)
    for (const old of overlapping) {
      const cut = clearExtent(tx, inodeId, old, start, end)
      uses.add(old.blockId, -cut, 0)
    }
    if (overlapping.length < OVERLAP_PAGE) return
  }
}

/** Answers the bytes cut out. */
function clearExtent(tx: Tx, inodeId: number, old: ExtentRow, start: number, end: number): number {
  const oldEnd = old.offset + old.length
  const cutStart = Math.max(old.offset, start)
  const cutEnd = Math.min(oldEnd, end)
  if (cutStart > old.offset) tx.extents.resize(inodeId, old.offset, cutStart - old.offset)
  else tx.extents.delete(inodeId, old.offset)
  if (cutEnd < oldEnd) {
    tx.extents.insert(inodeId, {
      offset: cutEnd,
      length: oldEnd - cutEnd,
      blockId: old.blockId,
      blockOffset: old.blockOffset + (cutEnd - old.offset),
    })
  }
  return cutEnd - cutStart
}

/** True if the extent continued the one before it, in the file and in the block, and was merged into it. */
function grewLast(tx: Tx, inodeId: number, extent: Extent): boolean {
  const before = tx.extents.before(inodeId, extent.offset)
  if (before === undefined || before.blockId !== extent.blockId) return false
  if (before.offset + before.length !== extent.offset) return false
  if (before.blockOffset + before.length !== extent.blockOffset) return false
  tx.extents.resize(inodeId, before.offset, before.length + extent.length)
  return true
}
