/**
 * How a range of a file is read, given its extents: long stretches of one block as streams, everything else gathered
 * from as few block reads as will do. Pure: it knows no file and no server.
 */
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { clip, firstEndingAfter } from './extents.ts'

/** A stretch of one block at least so long is streamed; shorter ones are gathered. In bytes. */
export const RUN_BYTES_MIN = 8 * 1024 * 1024
/** File range of one gather: its buffer's size, in bytes. */
export const GATHER_BYTES_MAX = 4 * 1024 * 1024
/** A hole at least so long is a step of its own, in bytes. */
const HOLE_BYTES_MIN = 1024 * 1024
/** Bytes of a block between two wanted pieces that are read along rather than asked around. */
const GAP_BYTES_MAX = 32 * 1024
/** One block read that collects several pieces, in bytes: what its extra buffer may take. */
const READ_BYTES_MAX = 1024 * 1024

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
  readonly reads: readonly BlockRead[]
}

export type Step = Hole | Run | Gather

/** One request to a block, and where its bytes go. */
export interface BlockRead {
  readonly blockId: number
  readonly blockOffset: number
  readonly length: number
  readonly pieces: readonly Extent[]
}

/** The steps that give the file range from `start` up to `end`, in order. `extents`: sorted, joined, no overlaps. */
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
  return { kind: 'gather', offset: start, length, holeBytes: length - pieceBytes, reads: planReads(pieces) }
}

/** The fewest block reads that hold all pieces, without reading long gaps along. */
export function planReads(pieces: readonly Extent[]): BlockRead[] {
  const sorted = [...pieces].sort((a, b) => a.blockId - b.blockId || a.blockOffset - b.blockOffset)
  const reads: Array<{ blockId: number; blockOffset: number; length: number; pieces: Extent[] }> = []
  for (const piece of sorted) {
    const { blockId, blockOffset, length } = piece
    const last = reads.at(-1)
    const end = blockOffset + length
    if (last !== undefined && last.blockId === blockId && joins(last, blockOffset, end)) {
      last.length = Math.max(last.length, end - last.blockOffset)
      last.pieces.push(piece)
    } else {
      reads.push({ blockId, blockOffset, length, pieces: [piece] })
    }
  }
  return reads
}

function joins(read: { blockOffset: number; length: number }, start: number, end: number): boolean {
  return start - (read.blockOffset + read.length) <= GAP_BYTES_MAX && end - read.blockOffset <= READ_BYTES_MAX
}

function endOf(extent: Extent): number {
  return extent.offset + extent.length
}
