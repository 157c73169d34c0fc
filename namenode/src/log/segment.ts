/** One file of the log: what is known of it in memory, and how its frames are read. */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  aligned,
  decodeFrame,
  encodeVote,
  FRAME_HEADER_BYTES,
  type Frame,
  LENGTH_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  type StoredVote,
  sealFrame,
} from './frame.ts'
import { FramePlaces } from './frame-places.ts'
import type { LogFile } from './log-disk.ts'

export interface LogEntry {
  readonly index: number
  readonly term: number
  /** It holds who belongs to the group, not a command. */
  readonly isConfiguration: boolean
  readonly bytes: Buffer
}

/** The configuration of an entry, as its bytes; opaque here. */
export interface StoredConfiguration {
  readonly index: number
  readonly bytes: Buffer
}

export class Segment {
  readonly name: string
  readonly file: LogFile
  readonly header: SegmentHeader
  /** Frames with entries that were not taken back. */
  readonly frames = new FramePlaces()
  /** Where the next frame goes. */
  end = SEGMENT_HEADER_BYTES

  constructor(name: string, file: LogFile, header: SegmentHeader) {
    this.name = name
    this.file = file
    this.header = header
  }

  /** First index behind a frame; `segmentEnd` is that behind the segment. */
  endOfFrame(frame: number, segmentEnd: number): number {
    return frame + 1 < this.frames.count ? this.frames.firstIndexAt(frame + 1) : segmentEnd
  }
}

export function nameOf(firstIndex: number): string {
  return `${String(firstIndex).padStart(16, '0')}.log`
}

/** A segment in memory of its own, to be given back by `giveBack`. */
export function readAll(file: LogFile): Buffer {
  const bytes = Buffer.allocUnsafeSlow(file.size())
  for (let at = 0; at < bytes.length; ) {
    const count = file.read(bytes.subarray(at), at)
    if (count === 0) return bytes.subarray(0, at)
    at += count
  }
  return bytes
}

/** Frees the memory now: garbage of 32 MiB apiece would stay resident for long after the start. */
export function giveBack({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

/** Entries of a frame from `from` on, before `end`. */
export function* entriesOf(frame: Frame, from: number, end: number): Generator<LogEntry> {
  const { firstIndex, entries, term, isConfiguration, payload } = frame
  let at = 0
  for (let index = firstIndex; index < Math.min(firstIndex + entries, end); index++) {
    const start = at + LENGTH_BYTES
    at = start + payload.readUInt32LE(at)
    if (index >= from) yield { index, term, isConfiguration, bytes: payload.subarray(start, at) }
  }
}

/** One frame of a segment, in memory of its own. */
export function readFrame(segment: Segment, frame: number): Frame {
  const at = segment.frames.positionAt(frame)
  const end = frame + 1 < segment.frames.count ? segment.frames.positionAt(frame + 1) : segment.end
  const bytes = Buffer.allocUnsafe(end - at)
  segment.file.read(bytes, at)
  const found = decodeFrame(bytes, 0, segment.header.salt)
  if (found === undefined) throw damaged(segment.name, at, segment.frames.firstIndexAt(frame) - 1)
  return found
}

export function damaged(name: string, at: number, lastIndex: number): FsError {
  return new FsError(
    'CORRUPT',
    `log segment ${name} is damaged at byte ${at}: entries after ${lastIndex} cannot be read ` +
      'although later ones exist. Copy the folder away, check the disk, and restore a backup ' +
      '(hopbine admin restore FILE)',
    { segment: name, at, lastIndex },
  )
}

/** Puts a configuration at the beginning of a segment, for the time when that of its entry is gone. */
export function repeatConfiguration(segment: Segment, { index, bytes }: StoredConfiguration): void {
  const frame = Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), bytes])
  const facts = { firstIndex: index, term: 0, entries: 0, isConfiguration: true }
  sealFrame(frame, segment.header.salt, facts)
  segment.file.write(frame, segment.end)
  segment.end += aligned(frame.length)
}

/** Puts a vote behind the last frame; it lies in the room that the segment keeps for that, or is a defect. */
export function writeVote(segment: Segment, vote: StoredVote): void {
  const frame = encodeVote(vote)
  assert(segment.end + frame.length <= segment.file.size(), 'there is room for a vote')
  const { firstIndex, salt } = segment.header
  sealFrame(frame, salt, { firstIndex, term: vote.term, entries: 0, isConfiguration: false })
  segment.file.write(frame, segment.end)
  segment.end += aligned(frame.length)
}
