/**
 * Checksums of a range of a block, cut where the block's chunks end. The one place that knows how ranges and
 * chunks meet; it never touches a disk or a socket.
 */
import { assert } from '../base/assert.ts'
import { CHECKSUM_CHUNK_BYTES } from '../base/limits.ts'
import { crc32c } from './crc32c.ts'

/** Number of chunks that a range of a block touches. */
export function chunksTouched(offset: number, length: number): number {
  if (length === 0) return 0
  const first = Math.floor(offset / CHECKSUM_CHUNK_BYTES)
  return Math.floor((offset + length - 1) / CHECKSUM_CHUNK_BYTES) - first + 1
}

/**
 * CRC32C of each piece of `bytes`, which stand at `offset` of a block. `seed` is the checksum of the first
 * chunk up to `offset`, to be continued; 0 makes the first one stand for its own bytes only.
 */
export function chunkCrcs(bytes: Uint8Array, offset: number, seed: number): number[] {
  const crcs: number[] = []
  let previous = seed
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + chunkRest(offset + at))
    crcs.push(crc32c(bytes.subarray(at, end), previous))
    previous = 0
    at = end
  }
  return crcs
}

/**
 * Index of the first piece whose checksum differs from `expected`, or −1. The pieces are cut as by
 * `chunkCrcs`.
 */
export function firstBadChunk(
  bytes: Uint8Array,
  offset: number,
  seed: number,
  expected: readonly number[],
): number {
  assert(expected.length === chunksTouched(offset, bytes.length), 'one checksum for each chunk')
  let previous = seed
  for (let at = 0, index = 0; at < bytes.length; index++) {
    const end = Math.min(bytes.length, at + chunkRest(offset + at))
    if (crc32c(bytes.subarray(at, end), previous) !== expected[index]) return index
    previous = 0
    at = end
  }
  return -1
}

/** Bytes from `offset` to the end of its chunk: 1 … CHECKSUM_CHUNK_BYTES. */
export function chunkRest(offset: number): number {
  return CHECKSUM_CHUNK_BYTES - (offset % CHECKSUM_CHUNK_BYTES)
}

/** Start of the chunk that `offset` stands in. */
export function chunkStart(offset: number): number {
  return offset - (offset % CHECKSUM_CHUNK_BYTES)
}
