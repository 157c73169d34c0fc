/**
 * Cuts a file into windows and says which of them are worth rewriting, so that a large file of which a part
 * was patched is not written as a whole. Pure.
 */
import { REWRITE_EXTENTS_MAX } from '@hopbine/common/base/limits.ts'
import { clipExtents, packExtents } from '@hopbine/common/protocol/extent-window.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'

/** Bytes of a file that are moved and committed at a time: what a writer that comes in between makes vain. */
const WINDOW_BYTES = 32 * 1024 * 1024
/** A window may have one extent for so many bytes. */
const BYTES_PER_EXTENT = 64 * 1024

/** A range of the file with its extents, cut at its borders. */
export interface Window {
  readonly start: number
  readonly end: number
  readonly extents: readonly Extent[]
}

/**
 * The next window: from the first byte at or after `start` that `extents` hold, with at most `room` bytes.
 * Undefined when they hold none. `extents` are in order.
 */
export function nextWindow(extents: readonly Extent[], start: number, room: number): Window | undefined {
  const first = extents.findIndex(({ offset, length }) => offset + length > start)
  if (first === -1) return undefined
  const some = extents.slice(first, first + REWRITE_EXTENTS_MAX)
  const last = some.at(-1) as Extent
  const from = Math.max((some[0] as Extent).offset, start)
  const end = Math.min(last.offset + last.length, from + Math.min(WINDOW_BYTES, room))
  return { start: from, end, extents: clipExtents(some, from, end) }
}

/** `sparse`: blocks that shall be emptied. */
export function isWorthwhile({ start, end, extents }: Window, sparse: ReadonlySet<number>): boolean {
  if (extents.some(({ blockId }) => sparse.has(blockId))) return true
  if (extents.length <= (end - start) / BYTES_PER_EXTENT) return false
  // Holes stay holes, so what lies between them stays in pieces.
  return packExtents(extents, 0, 0).length <= extents.length / 2
}
