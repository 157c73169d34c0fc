/**
 * Bytes of the log. A segment starts with a header that names its first index and holds a salt; then frames
 * follow, each one group commit: a header, and its entries behind their lengths. Frames start at multiples of
 * 8 bytes.
 *
 *   segment  8 magic · u32 version · u32 crc · f64 firstIndex · 8 salt · f64 term of the entry before
 *   frame    u32 magic · u32 payload bytes · u32 crc · u32 entries · f64 firstIndex · f64 term ·
 *            f64 settled · payload · zeros
 *   payload  (u32 length · bytes) per entry
 *
 * A frame without entries is a vote: what a member must remember besides its entries. Its payload is f64 term
 * · f64 vote. The latest counts; each segment begins with it, so that it outlives the segments before, and
 * ends with two places for one that lay in segments behind it which were taken back.
 *
 * A frame that begins at an earlier index than the entries before it takes them back from there on. The
 * highest bit of `entries` marks configurations: with one entry, that entry is one; without, the payload
 * repeats the configuration of an earlier entry, whose index is the frame's, at the beginning of a segment.
 *
 * `settled` says how many bytes of the segment were on the disk for certain when the frame was written. A
 * crash may leave any part of what was not: what is unsound there is torn, and damage anywhere before.
 *
 * The checksum covers the frame's header behind it and the payload, and starts from the salt, so that bytes
 * which a user stored in a file can never pass for a frame.
 */
import { randomBytes } from 'node:crypto'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'

export const SEGMENT_HEADER_BYTES = 40
export const FRAME_HEADER_BYTES = 40
/** Before each entry. */
export const LENGTH_BYTES = 4
const SEGMENT_MAGIC = Buffer.from('HOPBLOG\n')
const SEGMENT_VERSION = 2
const FRAME_MAGIC = 0x31474c48
const ALIGNMENT = 8
const CONFIGURATION_BIT = 0x80000000

export interface SegmentHeader {
  readonly firstIndex: number
  /** Term of the entry before the first one, 0 if there is none. */
  readonly termBefore: number
  readonly salt: Buffer
}

export function encodeSegmentHeader(
  firstIndex: number,
  termBefore: number,
): { bytes: Buffer; header: SegmentHeader } {
  const salt = randomBytes(8)
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES)
  SEGMENT_MAGIC.copy(bytes)
  bytes.writeUInt32LE(SEGMENT_VERSION, 8)
  bytes.writeDoubleLE(firstIndex, 16)
  salt.copy(bytes, 24)
  bytes.writeDoubleLE(termBefore, 32)
  bytes.writeUInt32LE(crc32c(bytes.subarray(16)), 12)
  return { bytes, header: { firstIndex, termBefore, salt } }
}

/** The header, or undefined for anything else. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (!bytes.subarray(0, 8).equals(SEGMENT_MAGIC) || bytes.readUInt32LE(8) !== SEGMENT_VERSION)
    return undefined
  if (bytes.readUInt32LE(12) !== crc32c(bytes.subarray(16))) return undefined
  const salt = Buffer.from(bytes.subarray(24, 32))
  return { firstIndex: bytes.readDoubleLE(16), termBefore: bytes.readDoubleLE(32), salt }
}

export interface Frame {
  readonly firstIndex: number
  readonly term: number
  readonly entries: number
  readonly isConfiguration: boolean
  /** Bytes of the segment. */
  readonly settled: number
  readonly payload: Buffer
  /** Bytes of the frame on disk, padding included. */
  readonly bytes: number
}

/** What the header says besides lengths and checksum. */
export type FrameFacts = Pick<Frame, 'firstIndex' | 'term' | 'entries' | 'isConfiguration' | 'settled'>

/** Room for the header is in front of the payload already, so that nothing is copied. */
export function sealFrame(frame: Buffer, salt: Buffer, facts: FrameFacts): void {
  frame.writeUInt32LE(FRAME_MAGIC, 0)
  frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, 4)
  frame.writeUInt32LE(facts.entries + (facts.isConfiguration ? CONFIGURATION_BIT : 0), 12)
  frame.writeDoubleLE(facts.firstIndex, 16)
  frame.writeDoubleLE(facts.term, 24)
  frame.writeDoubleLE(facts.settled, 32)
  frame.writeUInt32LE(crc32c(frame.subarray(12), crc32c(salt)), 8)
}

/** What a member must remember besides its entries, for elections. */
export interface StoredVote {
  readonly term: number
  /** 0 for none. */
  readonly vote: number
}

const VOTE_BYTES = 16
/** A frame that holds a vote. */
export const VOTE_FRAME_BYTES = FRAME_HEADER_BYTES + VOTE_BYTES

/** A frame for a vote, not yet sealed. */
export function encodeVote({ term, vote }: StoredVote): Buffer {
  const frame = Buffer.alloc(VOTE_FRAME_BYTES)
  frame.writeDoubleLE(term, FRAME_HEADER_BYTES)
  frame.writeDoubleLE(vote, FRAME_HEADER_BYTES + 8)
  return frame
}

/** The vote that a frame without entries holds. */
export function voteOf({ payload }: Frame): StoredVote {
  return { term: payload.readDoubleLE(0), vote: payload.readDoubleLE(8) }
}

/** Terms never go back, and a term has one vote: so of two votes of a member one is the later. */
export function isLaterVote(a: StoredVote, b: StoredVote): boolean {
  return a.term > b.term || (a.term === b.term && b.vote === 0)
}

/** The frame at `at`, or undefined if no whole, sound frame starts there. */
export function decodeFrame(bytes: Buffer, at: number, salt: Buffer): Frame | undefined {
  if (at + FRAME_HEADER_BYTES > bytes.length || bytes.readUInt32LE(at) !== FRAME_MAGIC) return undefined
  const payloadBytes = bytes.readUInt32LE(at + 4)
  const end = at + FRAME_HEADER_BYTES + payloadBytes
  if (end > bytes.length) return undefined
  if (bytes.readUInt32LE(at + 8) !== crc32c(bytes.subarray(at + 12, end), crc32c(salt))) return undefined
  const counted = bytes.readUInt32LE(at + 12)
  return {
    entries: counted % CONFIGURATION_BIT,
    isConfiguration: counted >= CONFIGURATION_BIT,
    firstIndex: bytes.readDoubleLE(at + 16),
    term: bytes.readDoubleLE(at + 24),
    settled: bytes.readDoubleLE(at + 32),
    payload: bytes.subarray(at + FRAME_HEADER_BYTES, end),
    bytes: aligned(FRAME_HEADER_BYTES + payloadBytes),
  }
}

/**
 * True if a sound frame behind `at` says that the disk held what lies there: then it is damaged, else torn.
 */
export function wasSettled(bytes: Buffer, at: number, salt: Buffer): boolean {
  for (let place = aligned(at); place + FRAME_HEADER_BYTES <= bytes.length; place += ALIGNMENT) {
    if (bytes.readUInt32LE(place) !== FRAME_MAGIC) continue
    if ((decodeFrame(bytes, place, salt)?.settled ?? 0) > at) return true
  }
  return false
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT
}
