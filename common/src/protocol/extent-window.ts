/**
 * A window of a file as both ends of a rewrite see it: the extents within a range, cut at its borders, and a
 * digest that stands for them. Blocks never change what an extent points to, so equal digests mean equal
 * bytes. Pure.
 */
import { hash } from 'node:crypto'
import type { Extent } from './types.ts'

const FIELDS = 4
const FIELD_BYTES = 8

/** The extents within `[start, end)`, cut at its borders; `extents` are in order and do not overlap. */
export function clipExtents(extents: readonly Extent[], start: number, end: number): Extent[] {
  const clipped: Extent[] = []
  for (const { offset, length, blockId, blockOffset } of extents) {
    const from = Math.max(offset, start)
    const to = Math.min(offset + length, end)
    if (from >= to) continue
    clipped.push({ offset: from, length: to - from, blockId, blockOffset: blockOffset + from - offset })
  }
  return clipped
}

/** SHA-256 over the extents in their order. */
export function extentDigest(extents: readonly Extent[]): Buffer {
  const fields = Buffer.allocUnsafe(extents.length * FIELDS * FIELD_BYTES)
  let at = 0
  for (const { offset, length, blockId, blockOffset } of extents) {
    at = fields.writeDoubleLE(offset, at)
    at = fields.writeDoubleLE(length, at)
    at = fields.writeDoubleLE(blockId, at)
    at = fields.writeDoubleLE(blockOffset, at)
  }
  return hash('sha256', fields, 'buffer')
}

/** The same bytes in one block, one behind the other from `blockOffset` on; holes take no room there. */
export function packExtents(extents: readonly Extent[], blockId: number, blockOffset: number): Extent[] {
  const packed: Extent[] = []
  let at = blockOffset
  for (const { offset, length } of extents) {
    const last = packed.at(-1)
    if (last !== undefined && last.offset + last.length === offset) last.length += length
    else packed.push({ offset, length, blockId, blockOffset: at })
    at += length
  }
  return packed
}

export function bytesOf(extents: readonly Extent[]): number {
  return extents.reduce((sum, extent) => sum + extent.length, 0)
}
