/**
 * Extents as arithmetic: sorted lists without overlaps in which a newer range wins over older ones and
 * neighbours that continue each other in the file and in the block are one. Pure: it knows no file and no
 * server.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'

/** Whether `next` goes on where `extent` ends, in the file and in the block. */
export function continues(extent: Extent, next: Extent): boolean {
  return (
    extent.blockId === next.blockId &&
    extent.offset + extent.length === next.offset &&
    extent.blockOffset + extent.length === next.blockOffset
  )
}

/** The part of an extent that lies in the file range from `start` up to `end`; undefined if none does. */
export function clip(extent: Extent, start: number, end: number): Extent | undefined {
  const from = Math.max(extent.offset, start)
  const to = Math.min(extent.offset + extent.length, end)
  if (from >= to) return undefined
  if (from === extent.offset && to === extent.offset + extent.length) return extent
  return {
    offset: from,
    length: to - from,
    blockId: extent.blockId,
    blockOffset: extent.blockOffset + (from - extent.offset),
  }
}

/** A sorted list with its neighbours joined where they continue each other. */
export function coalesce(sorted: readonly Extent[]): Extent[] {
  const joined: Extent[] = []
  for (const extent of sorted) {
    const last = joined.at(-1)
    if (last !== undefined && continues(last, extent)) {
      joined[joined.length - 1] = { ...last, length: last.length + extent.length }
    } else {
      joined.push(extent)
    }
  }
  return joined
}

/** Index of the first extent that ends after `offset`, in a sorted list without overlaps. */
export function firstEndingAfter(sorted: readonly Extent[], offset: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const extent = sorted[middle] as Extent
    if (extent.offset + extent.length > offset) high = middle
    else low = middle + 1
  }
  return low
}

/**
 * What was written and is not committed yet: a sorted list that grows by ranges which win over older ones.
 */
export class ExtentList {
  #extents: Extent[] = []

  get length(): number {
    return this.#extents.length
  }

  /** End of the last extent in the file; 0 when empty. */
  get end(): number {
    const last = this.#extents.at(-1)
    return last === undefined ? 0 : last.offset + last.length
  }

  /** Whether the list covers the file from `offset` to its end without a gap. */
  isUnbrokenFrom(offset: number): boolean {
    let end = offset
    for (const extent of this.#extents) {
      if (extent.offset > end) return false
      end = Math.max(end, extent.offset + extent.length)
    }
    return true
  }

  /** Adds a range; what it covers of older ones is theirs no longer. */
  add(extent: Extent): void {
    assert(extent.length > 0, 'an extent without bytes')
    const end = extent.offset + extent.length
    const from = firstEndingAfter(this.#extents, extent.offset)
    let to = from
    while (to < this.#extents.length && (this.#extents[to] as Extent).offset < end) to += 1
    const before = from < to ? clip(this.#extents[from] as Extent, 0, extent.offset) : undefined
    const after = from < to ? clip(this.#extents[to - 1] as Extent, end, Number.MAX_SAFE_INTEGER) : undefined
    const middle = [before, extent, after].filter(part => part !== undefined)
    // The neighbours outside may continue what came in.
    const first = Math.max(from - 1, 0)
    const last = Math.min(to + 1, this.#extents.length)
    const joined = coalesce([
      ...this.#extents.slice(first, from),
      ...middle,
      ...this.#extents.slice(to, last),
    ])
    this.#extents.splice(first, last - first, ...joined)
  }

  /** Whether any byte of the file range is in the list. */
  touches(offset: number, length: number): boolean {
    const next = this.#extents[firstEndingAfter(this.#extents, offset)]
    return next !== undefined && next.offset < offset + length
  }

  /** Takes the first extents out, at most `max`. */
  take(max: number): Extent[] {
    return this.#extents.splice(0, max)
  }

  /** Puts back what `take` gave, below whatever was added since. */
  restore(older: readonly Extent[]): void {
    const newer = this.#extents
    this.#extents = []
    for (const extent of [...older, ...newer]) this.add(extent)
  }
}
