/**
 * When a file is worth rewriting, and what a rewrite does to it. Overwrites leave pieces: many extents, and
 * blocks whose bytes are mostly dead. A rewrite moves the live bytes of a range into a new block, if nothing
 * happened to the range meanwhile; size and times stay.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { BLOCK_BYTES_MAX, REWRITE_EXTENTS_MAX } from '@hopbine/common/base/limits.ts'
import { bytesOf, clipExtents, extentDigest, packExtents } from '@hopbine/common/protocol/extent-window.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { layExtents, releaseUnusedBlocks } from './content.ts'

/** A file may have one extent for so many bytes, and some more. */
const BYTES_PER_EXTENT = 64 * 1024
const EXTENTS_FREE = 16
/** Extents counted before a file is called cut up, however large it is: the rewriter looks closer anyway. */
const EXTENTS_COUNTED_MAX = 65_536
/** Dead bytes that a file may have beyond as many as are live. */
const DEAD_BYTES_FREE = 1024 * 1024
/** Blocks summed up for one file: a tebibyte has 8,192 of the default size. */
const BLOCKS_SUMMED_MAX = 16_384

/** Closed, with blocks, and somewhere in the tree. */
export function isRewritable(row: EntryRow | undefined): row is EntryRow {
  if (row === undefined || row.kind !== KIND.file || row.parentId === RECLAIM_INODE) return false
  return (row.flags & (ENTRY_FLAG.open | ENTRY_FLAG.inline)) === 0
}

/** More than one extent for 64 KiB, or more dead bytes than live ones. The cost has a bound. */
export function isWasteful(tx: Tx, row: EntryRow): boolean {
  const extentsMax = Math.min(EXTENTS_FREE + Math.floor(row.size / BYTES_PER_EXTENT), EXTENTS_COUNTED_MAX)
  if (tx.extents.countUpTo(row.id, extentsMax + 1) > extentsMax) return true
  const { lengthBytes, liveBytes } = tx.blocks.use(row.id, BLOCKS_SUMMED_MAX)
  return lengthBytes > 2 * liveBytes + DEAD_BYTES_FREE
}

export interface Move {
  readonly start: number
  readonly end: number
  /** Of the extents as the mover found them. */
  readonly digest: Uint8Array
  readonly blockId: number
  readonly blockOffset: number
}

/**
 * Lets the file's bytes of a range lie in the new block. False, and nothing of the file changed, when the
 * range is no longer what it was.
 */
export function moveRange(tx: Tx, context: CommandContext, row: EntryRow, move: Move): boolean {
  const { start, end, blockId, blockOffset } = move
  const found = tx.extents.overlapping(row.id, start, end, REWRITE_EXTENTS_MAX + 1)
  const extents = clipExtents(found, start, end)
  if (extents.length === 0 || !extentDigest(extents).equals(move.digest)) return false
  requireShape(extents, blockOffset)
  if (!ownsBlock(tx, context, row.id, blockId)) return false
  layExtents(tx, row.id, packExtents(extents, blockId, blockOffset))
  releaseUnusedBlocks(tx, context, row.id)
  return true
}

function requireShape(extents: readonly Extent[], blockOffset: number): void {
  if (extents.length > REWRITE_EXTENTS_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a rewrite replaces at most ${REWRITE_EXTENTS_MAX} extents`)
  }
  if (blockOffset < 0 || blockOffset + bytesOf(extents) > BLOCK_BYTES_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a block has at most ${BLOCK_BYTES_MAX} bytes`)
  }
}

/** True if the block is the file's; a reserved one becomes it while nobody can have been told to drop it. */
function ownsBlock(tx: Tx, context: CommandContext, inodeId: number, blockId: number): boolean {
  const block = tx.blocks.get(blockId)
  if (block !== undefined) return block.inodeId === inodeId
  const reserved = tx.tombstones.get(blockId)
  if (reserved === undefined || reserved.since <= context.seconds) return false
  tx.tombstones.delete(blockId)
  tx.blocks.insert(blockId, inodeId)
  return true
}

/**
 * A block for a rewrite is a tombstone that begins in the future: no datanode may drop it before, and it goes
 * by itself if the rewrite never ends.
 */
export function reserveBlock(tx: Tx, blockId: number, untilSeconds: number): void {
  tx.tombstones.insert(blockId, untilSeconds)
  tx.meta.used(blockId)
}

/** The reserved block is not needed any more. */
export function giveUpBlock(tx: Tx, context: CommandContext, blockId: number): void {
  const reserved = tx.tombstones.get(blockId)
  if (reserved === undefined || reserved.since <= context.seconds) return
  tx.tombstones.delete(blockId)
  tx.tombstones.insert(blockId, context.seconds)
}
