/**
 * How a range of a file is read, given its extents: long stretches of one block as streams, everything else
 * gathered from as few block reads as will do. Pure: it knows no file and no server.
 */
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { clip, firstEndingAfter } from './extents.ts'

/** A stretch of one block at least so long is streamed; shorter ones are gathered. In bytes. */
export const RUN_BYTES_MIN = 8 * 1024 * 1024
/** File range of one gather: its buffer's size, in bytes. */
export const GATHER_BYTES_MAX = 8 * 1024 * 1024
/** A hole at least so long is a step of its own, in bytes. */
const HOLE_BYTES_MIN = 1024 * 1024
/** Bytes of a block between two wanted pieces that are read along rather than asked around. */
const GAP_BYTES_MAX = 32 * 1024
/** One block read whose pieces go to different places: what its extra memory may take, in bytes. */
export const SCATTERED_BYTES_MAX = 1024 * 1024
/** A straight read so long is not given up for another piece nearby, in bytes. */
const STRAIGHT_BYTES_KEPT = 256 * 1024

export interface Hole {
  readonly kind: 'hole'
  readonly offset: number
  readonly length: number
}

export interface Run extends Extent {
  readonly kind: 'run'
}

export interface Gather {
  readonly kind: 'gather'
  readonly offset: number
  readonly length: number
  /** Bytes of the range that no extent holds. */
  readonly holeBytes: number
  /**
   * Straight reads whose gaps bring bytes along that do not belong there: they come before `over`, which
   * mends it.
   */
  readonly under: readonly BlockRead[]
  readonly over: readonly BlockRead[]
}

export type Step = Hole | Run | Gather

/** One request to a block, and where its bytes go. */
export interface BlockRead {
  readonly blockId: number
  readonly blockOffset: number
  readonly length: number
  /** In order of the block. */
  readonly pieces: readonly Extent[]
  /** The pieces lie in the file as they lie in the block, so the read can go straight there, gaps and all. */
  readonly isStraight: boolean
}

/**
 * The steps that give the file range from `start` up to `end`, in order. `extents`: sorted, joined, no
 * overlaps.
 */
export function* planSteps(extents: readonly Extent[], start: number, end: number): Generator<Step> {
  let index = firstEndingAfter(extents, start)
  let at = start
  while (at < end) {
    while (index < extents.length && endOf(extents[index] as Extent) <= at) index += 1
    const next = extents[index]
    const holeEnd = Math.min(next?.offset ?? end, end)
    const run = next === undefined ? undefined : clip(next, at, end)
    if (holeEnd - at >= HOLE_BYTES_MIN) {
      yield { kind: 'hole', offset: at, length: holeEnd - at }
      at = holeEnd
    } else if (run !== undefined && run.offset === at && run.length >= RUN_BYTES_MIN) {
      yield { kind: 'run', ...run }
      at += run.length
    } else {
      const gather = planGather(extents, index, at, end)
      yield gather
      at += gather.length
    }
  }
}

/** One gather from `start` on: up to its largest size, or to where a stream or a long hole begins. */
function planGather(extents: readonly Extent[], first: number, start: number, end: number): Gather {
  const limit = Math.min(start + GATHER_BYTES_MAX, end)
  const pieces: Extent[] = []
  let at = start
  let pieceBytes = 0
  for (let index = first; at < limit; index++) {
    const extent = extents[index]
    const next = Math.min(extent?.offset ?? end, end)
    if (next - at >= HOLE_BYTES_MIN) break
    const whole = extent === undefined ? undefined : clip(extent, start, end)
    if (whole !== undefined && whole.offset > start && whole.length >= RUN_BYTES_MIN) {
      at = Math.min(whole.offset, limit)
      break
    }
    const piece = extent === undefined ? undefined : clip(extent, start, limit)
    at = piece === undefined ? limit : piece.offset + piece.length
    if (piece === undefined) break
    pieces.push(piece)
    pieceBytes += piece.length
  }
  const length = at - start
  const holeBytes = length - pieceBytes
  return { kind: 'gather', offset: start, length, holeBytes, ...layers(planReads(pieces), holeBytes) }
}

/**
 * Which reads may go first with their gaps; none where a gap might be a hole, or another such read's place.
 */
function layers(reads: readonly BlockRead[], holeBytes: number): Pick<Gather, 'under' | 'over'> {
  const under: BlockRead[] = []
  const over: BlockRead[] = []
  let end = 0
  const inFile = reads.filter(hasGaps).sort((a, b) => fileStart(a) - fileStart(b) || b.length - a.length)
  for (const read of inFile) {
    if (holeBytes === 0 && fileStart(read) >= end) {
      under.push(read)
      end = fileStart(read) + read.length
    } else {
      over.push(
        ...planReads(read.pieces, SCATTERED_BYTES_MAX).map(part => ({ ...part, isStraight: !hasGaps(part) })),
      )
    }
  }
  over.push(...reads.filter(read => !hasGaps(read)))
  return { under, over }
}

/** The fewest block reads that hold all pieces, without reading long gaps along. */
export function planReads(pieces: readonly Extent[], straightBytesMax = GATHER_BYTES_MAX): BlockRead[] {
  const sorted = [...pieces].sort((a, b) => a.blockId - b.blockId || a.blockOffset - b.blockOffset)
  const reads: GrowingRead[] = []
  for (const piece of sorted) {
    const { blockId, blockOffset, length } = piece
    const last = reads.at(-1)
    if (last === undefined || !takesIn(last, piece, straightBytesMax)) {
      reads.push({ blockId, blockOffset, length, pieces: [piece], isStraight: true })
      continue
    }
    last.isStraight = isStraightWith(last, piece)
    last.length = Math.max(last.length, blockOffset + length - last.blockOffset)
    last.pieces.push(piece)
  }
  return reads
}

interface GrowingRead {
  readonly blockId: number
  readonly blockOffset: number
  length: number
  readonly pieces: Extent[]
  isStraight: boolean
}

/** Whether it is better to read the piece along than to ask for it apart. */
function takesIn(read: GrowingRead, piece: Extent, straightBytesMax: number): boolean {
  if (read.blockId !== piece.blockId) return false
  if (piece.blockOffset - (read.blockOffset + read.length) > GAP_BYTES_MAX) return false
  const length = piece.blockOffset + piece.length - read.blockOffset
  if (isStraightWith(read, piece)) return length <= straightBytesMax
  if (read.isStraight && read.length >= STRAIGHT_BYTES_KEPT) return false
  return length <= SCATTERED_BYTES_MAX
}

function isStraightWith(read: GrowingRead, piece: Extent): boolean {
  const first = read.pieces[0] as Extent
  return read.isStraight && piece.offset - first.offset === piece.blockOffset - first.blockOffset
}

function hasGaps(read: BlockRead): boolean {
  if (!read.isStraight) return false
  return read.pieces.reduce((sum, piece) => sum + piece.length, 0) < read.length
}

function fileStart(read: BlockRead): number {
  return (read.pieces[0] as Extent).offset
}

function endOf(extent: Extent): number {
  return extent.offset + extent.length
}
