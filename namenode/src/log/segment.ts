/** One file of the log: what is known of it in memory, and how its frames are read. */
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  aligned,
  decodeFrame,
  encodeVote,
  FRAME_HEADER_BYTES,
  type Frame,
  type FrameFacts,
  isLaterVote,
  LENGTH_BYTES,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  type StoredVote,
  sealFrame,
  VOTE_FRAME_BYTES,
  voteOf,
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

/**
 * The last bytes of a segment are two places for a vote that lay in a later segment which was taken back.
 * They are written in turns, so that a torn write leaves the other, and never run out.
 */
const SLOTS = 2
const SLOTS_BYTES = SLOTS * VOTE_FRAME_BYTES

export class Segment {
  readonly name: string
  readonly file: LogFile
  readonly header: SegmentHeader
  /** Bytes before the places for votes. */
  readonly room: number
  /** Frames with entries that were not taken back. */
  readonly frames = new FramePlaces()
  /** Where the next frame goes. */
  end = SEGMENT_HEADER_BYTES
  #nextSlot = 0
  /** Everything before is on the disk. */
  #settled = 0
  #hasUnsyncedVote = false

  constructor(name: string, file: LogFile, header: SegmentHeader) {
    this.name = name
    this.file = file
    this.header = header
    this.room = file.size() - SLOTS_BYTES
  }

  /** True if a frame with so much payload fits. */
  fits(payloadBytes: number): boolean {
    return this.end + FRAME_HEADER_BYTES + payloadBytes <= this.room
  }

  /** Seals a frame and puts it behind the last; durable after the next sync. */
  append(frame: Buffer, facts: Omit<FrameFacts, 'settled'>): void {
    sealFrame(frame, this.header.salt, { ...facts, settled: this.#settled })
    this.file.write(frame, this.end)
    this.end += aligned(frame.length)
  }

  appendVote(vote: StoredVote): void {
    this.append(encodeVote(vote), this.#voteFacts(vote))
  }

  /** Puts a configuration at the beginning, for the time when the segment of its entry is gone. */
  repeatConfiguration({ index, bytes }: StoredConfiguration): void {
    const frame = Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), bytes])
    this.append(frame, { firstIndex: index, term: 0, entries: 0, isConfiguration: true })
  }

  /** Keeps a vote although no frame may fit any more. */
  keepVote(vote: StoredVote): void {
    const frame = encodeVote(vote)
    sealFrame(frame, this.header.salt, { ...this.#voteFacts(vote), settled: 0 })
    this.file.write(frame, this.#slotAt(this.#nextSlot))
    this.#hasUnsyncedVote = true
    this.#nextSlot = (this.#nextSlot + 1) % SLOTS
  }

  /** The votes that `keepVote` kept, of all bytes of the segment; the next goes where the older one lies. */
  keptVotes(all: Buffer): StoredVote[] {
    const votes: StoredVote[] = []
    for (let slot = 0; slot < SLOTS; slot++) {
      const frame = decodeFrame(all, this.#slotAt(slot), this.header.salt)
      if (frame === undefined) continue
      const vote = voteOf(frame)
      if (votes.every(other => isLaterVote(vote, other))) this.#nextSlot = (slot + 1) % SLOTS
      votes.push(vote)
    }
    return votes
  }

  /** Fills with zeros what lies behind the last frame, up to a place. */
  clearUpTo(place: number): void {
    this.file.write(Buffer.alloc(place - this.end), this.end)
  }

  /** True if something was written that a crash may take away. */
  get isUnsynced(): boolean {
    return this.#settled < this.end || this.#hasUnsyncedVote
  }

  /** Calls back when everything written so far is on the disk. */
  sync(done: (error: Error | null) => void): void {
    const { end } = this
    this.#hasUnsyncedVote = false
    this.file.sync(error => {
      if (error === null) this.#settled = Math.max(this.#settled, end)
      done(error)
    })
  }

  /** The same, before it returns. Throws the disk's error. */
  syncNow(): void {
    this.file.syncNow()
    this.#hasUnsyncedVote = false
    this.#settled = this.end
  }

  #slotAt(slot: number): number {
    return this.room + slot * VOTE_FRAME_BYTES
  }

  #voteFacts({ term }: StoredVote): Omit<FrameFacts, 'settled'> {
    return { firstIndex: this.header.firstIndex, term, entries: 0, isConfiguration: false }
  }

  /** First index behind a frame; `segmentEnd` is that behind the segment. */
  endOfFrame(frame: number, segmentEnd: number): number {
    return frame + 1 < this.frames.count ? this.frames.firstIndexAt(frame + 1) : segmentEnd
  }
}

export function nameOf(firstIndex: number): string {
  return `${String(firstIndex).padStart(16, '0')}.log`
}

/** What the name of a segment says. */
export function firstIndexOf(name: string): number {
  return Number.parseInt(name, 10)
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
