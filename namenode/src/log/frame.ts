/**
 * Bytes of the log. A segment starts with a header that names its first index and holds a salt; then frames
 * follow, each one group commit: a header, and its entries behind their lengths. Frames start at multiples of
 * 8 bytes.
 *
 *   segment  8 magic · u32 version · u32 crc · f64 firstIndex · 8 salt
 *   frame    u32 magic · u32 payload bytes · u32 crc · u32 entries · f64 firstIndex · f64 term ·
 *            payload · zeros
 *   payload  (u32 length · bytes) per entry
 *
 * A frame without entries is a vote: what a member must remember besides its entries. Its payload is f64 term
 * · f64 vote. The last one counts; each segment begins with it, so that it outlives the segments before.
 *
 * The checksum covers the frame's header behind it and the payload, and starts from the salt, so that bytes
 * which a user stored in a file can never pass for a frame.
 */
import { randomBytes } from 'node:crypto'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'

export const SEGMENT_HEADER_BYTES = 32
export const FRAME_HEADER_BYTES = 32
const SEGMENT_MAGIC = Buffer.from('HOPBLOG\n')
const SEGMENT_VERSION = 1
const FRAME_MAGIC = 0x31474c48
const ALIGNMENT = 8

export interface SegmentHeader {
  readonly firstIndex: number
  readonly salt: Buffer
}

export function encodeSegmentHeader(firstIndex: number): { bytes: Buffer; header: SegmentHeader } {
  const salt = randomBytes(8)
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  SEGMENT_MAGIC.copy(bytes)
  bytes.writeUInt32LE(SEGMENT_VERSION, 8)
  bytes.writeDoubleLE(firstIndex, 16)
  salt.copy(bytes, 24)
  bytes.writeUInt32LE(crc32c(bytes.subarray(16)), 12)
  return { bytes, header: { firstIndex, salt } }
}

/** The header, or undefined for anything else. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (!bytes.subarray(0, 8).equals(SEGMENT_MAGIC) || bytes.readUInt32LE(8) !== SEGMENT_VERSION)
    return undefined
  if (bytes.readUInt32LE(12) !== crc32c(bytes.subarray(16))) return undefined
  return { firstIndex: bytes.readDoubleLE(16), salt: Buffer.from(bytes.subarray(24, 32)) }
}

export interface Frame {
  readonly firstIndex: number
  readonly term: number
  readonly entries: number
  readonly payload: Buffer
  /** Bytes of the frame on disk, padding included. */
  readonly bytes: number
}

/** Room for the header is in front of the payload already, so that nothing is copied. */
export function sealFrame(
  frame: Buffer,
  salt: Buffer,
  facts: { firstIndex: number; term: number; entries: number },
): void {
  frame.writeUInt32LE(FRAME_MAGIC, 0)
  frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, 4)
  frame.writeUInt32LE(facts.entries, 12)
  frame.writeDoubleLE(facts.firstIndex, 16)
  frame.writeDoubleLE(facts.term, 24)
  frame.writeUInt32LE(crc32c(frame.subarray(12), crc32c(salt)), 8)
}

/** What a member must remember besides its entries, for elections. */
export interface StoredVote {
  readonly term: number
  /** 0 for none. */
  readonly vote: number
}

const VOTE_BYTES = 16

/** A frame for a vote, not yet sealed. */
export function encodeVote({ term, vote }: StoredVote): Buffer {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + VOTE_BYTES)
  frame.writeDoubleLE(term, FRAME_HEADER_BYTES)
  frame.writeDoubleLE(vote, FRAME_HEADER_BYTES + 8)
  return frame
}

/** The vote that a frame without entries holds. */
export function voteOf({ payload }: Frame): StoredVote {
  return { term: payload.readDoubleLE(0), vote: payload.readDoubleLE(8) }
}

/** The frame at `at`, or undefined if no whole, sound frame starts there. */
export function decodeFrame(bytes: Buffer, at: number, salt: Buffer): Frame | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== FRAME_MAGIC) return undefined
  const payloadBytes = bytes.readUInt32LE(at + 4)
  const end = at + FRAME_HEADER_BYTES + payloadBytes
  if (end > bytes.length) return undefined
  if (bytes.readUInt32LE(at + 8) !== crc32c(bytes.subarray(at + 12, end), crc32c(salt))) return undefined
  return {
    entries: bytes.readUInt32LE(at + 12),
    firstIndex: bytes.readDoubleLE(at + 16),
    term: bytes.readDoubleLE(at + 24),
    payload: bytes.subarray(at + FRAME_HEADER_BYTES, end),
    bytes: aligned(FRAME_HEADER_BYTES + payloadBytes),
  }
}

/**
 * First place from `from` on where a sound frame starts, or -1: tells a torn end from damage in the middle.
 */
export function findFrame(bytes: Buffer, from: number, salt: Buffer): number {
  for (let at = aligned(from); at + FRAME_HEADER_BYTES <= bytes.length; at += ALIGNMENT) {
    if (bytes.readUInt32LE(at) === FRAME_MAGIC && decodeFrame(bytes, at, salt) !== undefined) return at
  }
  return -1
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}
