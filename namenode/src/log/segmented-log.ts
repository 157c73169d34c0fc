/**
 * The durable log of one shard: preallocated segments of frames. Appends go to the end, one `sync` makes them
 * durable, old segments are removed from the front. At opening a torn end is cut; damage before the end stops
 * with an error that says what is lost. It never decides what is committed.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  aligned,
  decodeFrame,
  decodeSegmentHeader,
  encodeSegmentHeader,
  encodeVote,
  FRAME_HEADER_BYTES,
  type Frame,
  findFrame,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  type StoredVote,
  sealFrame,
  voteOf,
} from './frame.ts'
import type { LogDisk, LogFile } from './log-disk.ts'

export interface LogEntry {
  readonly index: number
  readonly term: number
  readonly bytes: Buffer
}

interface Segment {
  readonly name: string
  readonly file: LogFile
  readonly header: SegmentHeader
  /** Where the next frame goes. */
  end: number
}

const SPARE_NAME = 'spare'
/** Payload of the frame that holds a vote. */
export const VOTE_FRAME_BYTES = 16
export const SEGMENT_BYTES_DEFAULT = 32 * 1024 * 1024

export class SegmentedLog {
  readonly #disk: LogDisk
  readonly #segmentBytes: number
  #segments: Segment[] = []
  #spare: Promise<LogFile | undefined> | undefined
  /** Set when the spare is there, so that the log rolls without waiting. */
  #spareReady: LogFile | undefined
  #spareError: Error | undefined
  #lastIndex = 0
  #lastTerm = 0
  #vote: StoredVote | undefined
  /** Times that the disk was asked to make something durable. */
  syncs = 0
  /** Bytes of frames written since the log was opened. */
  appendedBytes = 0
  /** What opening had to cut off, in bytes; 0 normally. */
  tornBytes = 0

  constructor(disk: LogDisk, segmentBytes = SEGMENT_BYTES_DEFAULT) {
    this.#disk = disk
    this.#segmentBytes = segmentBytes
  }

  get lastIndex(): number {
    return this.#lastIndex
  }

  get lastTerm(): number {
    return this.#lastTerm
  }

  /** First index still in the log; `lastIndex + 1` when it is empty. */
  get firstIndex(): number {
    return this.#segments[0]?.header.firstIndex ?? this.#lastIndex + 1
  }

  /** The last vote that was stored; undefined if none ever was. */
  get vote(): StoredVote | undefined {
    return this.#vote
  }

  get bytes(): number {
    return this.#segments.length * this.#segmentBytes
  }

  /** Opens the segments and checks every frame. An empty log starts behind `baseIndex`. Throws CORRUPT. */
  async open(baseIndex: number, baseTerm: number): Promise<void> {
    this.#disk.remove(SPARE_NAME)
    this.#lastIndex = baseIndex
    this.#lastTerm = baseTerm
    for (const name of this.#disk.list().filter(name => name.endsWith('.log'))) this.#openSegment(name)
    this.#checkChain(baseIndex)
    this.#cutTornEnd()
    this.#prepareSpare()
    if (this.#segments.length === 0) await this.roll()
  }

  /** True if a frame with so much payload fits without a new segment. */
  fits(payloadBytes: number): boolean {
    const segment = this.#segments.at(-1)
    return segment !== undefined && segment.end + FRAME_HEADER_BYTES + payloadBytes <= this.#segmentBytes
  }

  /** Starts the next segment; waits for the spare if it is not there yet. Throws NO_SPACE. */
  async roll(): Promise<void> {
    const file = this.#spareReady ?? (await this.#spare)
    if (file === undefined) {
      const error = this.#spareError
      this.#prepareSpare()
      throw new FsError('NO_SPACE', `no room for a log segment: ${error?.message ?? 'not prepared'}`)
    }
    const firstIndex = this.#lastIndex + 1
    const { bytes, header } = encodeSegmentHeader(firstIndex)
    file.write(bytes, 0)
    const segment: Segment = { name: nameOf(firstIndex), file, header, end: SEGMENT_HEADER_BYTES }
    if (this.#vote !== undefined) this.#writeVote(segment, this.#vote)
    file.syncNow()
    this.syncs += 1
    this.#disk.rename(SPARE_NAME, segment.name)
    this.#segments.push(segment)
    this.#prepareSpare()
  }

  /**
   * Writes one frame; durable after the next `sync`. `frame` has FRAME_HEADER_BYTES of room before the
   * payload. The caller asked `fits` before.
   */
  append(frame: Buffer, entries: number, term: number): void {
    const segment = this.#segments.at(-1)
    assert(segment !== undefined && segment.end + frame.length <= this.#segmentBytes, 'the frame fits')
    assert(term >= this.#lastTerm && entries > 0, 'terms never go back, frames are not empty')
    sealFrame(frame, segment.header.salt, { firstIndex: this.#lastIndex + 1, term, entries })
    segment.file.write(frame, segment.end)
    segment.end += aligned(frame.length)
    this.appendedBytes += frame.length
    this.#noteEntries(entries, term)
  }

  /** Writes a vote, durable after the next `sync`. The caller asked whether VOTE_FRAME_BYTES fit. */
  appendVote(vote: StoredVote): void {
    const segment = this.#segments.at(-1)
    assert(segment !== undefined && this.fits(VOTE_FRAME_BYTES), 'the vote fits')
    this.#writeVote(segment, vote)
    this.#vote = vote
  }

  /**
   * Calls back when all appended frames are on the disk. After an error nothing of this log may be trusted.
   */
  sync(done: (error: Error | null) => void): void {
    const segment = this.#segments.at(-1)
    assert(segment !== undefined, 'the log is open')
    this.syncs += 1
    segment.file.sync(done)
  }

  /** Entries from `from` on, in order. The bytes are valid until the next step. */
  *read(from: number): Generator<LogEntry> {
    for (const [position, segment] of this.#segments.entries()) {
      const next = this.#segments[position + 1]?.header.firstIndex ?? this.#lastIndex + 1
      if (next <= from) continue
      const bytes = readAll(segment.file)
      for (let at = SEGMENT_HEADER_BYTES; at < segment.end; ) {
        const frame = decodeFrame(bytes, at, segment.header.salt)
        assert(frame !== undefined, 'frames were checked at opening or written since')
        yield* entriesOf(frame, from)
        at += frame.bytes
      }
      giveBack(bytes)
    }
  }

  /** Removes segments that hold nothing after `index`; the one being written stays. */
  removeThrough(index: number): void {
    while (this.#segments.length > 1) {
      const [first, second] = this.#segments as [Segment, Segment]
      if (second.header.firstIndex > index + 1) return
      first.file.close()
      this.#disk.remove(first.name)
      this.#segments.shift()
    }
  }

  async close(): Promise<void> {
    const spare = await this.#spare
    spare?.close()
    for (const { file } of this.#segments) file.close()
    this.#segments = []
  }

  #noteEntries(count: number, term: number): void {
    this.#lastIndex += count
    this.#lastTerm = term
  }

  #writeVote(segment: Segment, vote: StoredVote): void {
    const frame = encodeVote(vote)
    sealFrame(frame, segment.header.salt, { firstIndex: this.#lastIndex + 1, term: vote.term, entries: 0 })
    segment.file.write(frame, segment.end)
    segment.end += aligned(frame.length)
  }

  #openSegment(name: string): void {
    const file = this.#disk.open(name)
    const bytes = readAll(file)
    const header = decodeSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_BYTES))
    // It was durable before the segment got its name, so without one something was lost.
    if (header === undefined) throw damaged(name, 0, this.#lastIndex)
    if (this.#segments.length === 0) this.#lastIndex = header.firstIndex - 1
    const segment: Segment = { name, file, header, end: SEGMENT_HEADER_BYTES }
    const last = this.#segments.at(-1)
    if (last !== undefined && header.firstIndex !== this.#lastIndex + 1) {
      throw damaged(last.name, last.end, this.#lastIndex)
    }
    this.#segments.push(segment)
    this.#scan(segment, bytes)
    giveBack(bytes)
  }

  /** Goes through the frames to the end; refuses damage that something sound follows. */
  #scan(segment: Segment, bytes: Buffer): void {
    for (;;) {
      const frame = decodeFrame(bytes, segment.end, segment.header.salt)
      if (frame === undefined || frame.firstIndex !== this.#lastIndex + 1) break
      if (frame.entries === 0) this.#vote = voteOf(frame)
      else this.#noteEntries(frame.entries, frame.term)
      segment.end += frame.bytes
    }
    if (findFrame(bytes, segment.end, segment.header.salt) >= 0) {
      throw damaged(segment.name, segment.end, this.#lastIndex)
    }
  }

  /** What a crash left behind the last sound frame was never acknowledged: it becomes zeros. */
  #cutTornEnd(): void {
    const segment = this.#segments.at(-1)
    if (segment === undefined) return
    const bytes = readAll(segment.file)
    const lastUsed = bytes.subarray(segment.end).findLastIndex(byte => byte !== 0)
    giveBack(bytes)
    if (lastUsed < 0) return
    this.tornBytes += lastUsed + 1
    segment.file.write(Buffer.alloc(lastUsed + 1), segment.end)
    segment.file.syncNow()
  }

  #checkChain(baseIndex: number): void {
    const [first] = this.#segments
    if (first !== undefined && first.header.firstIndex > baseIndex + 1) {
      throw new FsError(
        'CORRUPT',
        `the log starts at ${first.header.firstIndex}, the store ends at ${baseIndex}: ` +
          'what lies between is lost; restore a backup',
      )
    }
    if (this.#lastIndex < baseIndex) {
      throw new FsError(
        'CORRUPT',
        `the log ends at ${this.#lastIndex} but the store holds ${baseIndex}: ` +
          'log files are missing; restore a backup',
      )
    }
  }

  #prepareSpare(): void {
    this.#spareReady = undefined
    this.#spareError = undefined
    this.#disk.remove(SPARE_NAME)
    this.#spare = this.#disk.prepare(SPARE_NAME, this.#segmentBytes).then(
      file => {
        this.#spareReady = file
        return file
      },
      (error: Error) => {
        this.#spareError = error
        return undefined
      },
    )
  }
}

function nameOf(firstIndex: number): string {
  return `${String(firstIndex).padStart(16, '0')}.log`
}

/** A segment in memory of its own, to be given back by `giveBack`. */
function readAll(file: LogFile): Buffer {
  const bytes = Buffer.allocUnsafeSlow(file.size())
  for (let at = 0; at < bytes.length; ) {
    const count = file.read(bytes.subarray(at), at)
    if (count === 0) return bytes.subarray(0, at)
    at += count
  }
  return bytes
}

/** Frees the memory now: garbage of 32 MiB apiece would stay resident for long after the start. */
function giveBack({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}

function* entriesOf(frame: Frame, from: number): Generator<LogEntry> {
  let at = 0
  for (let i = 0; i < frame.entries; i++) {
    const length = frame.payload.readUInt32LE(at)
    const index = frame.firstIndex + i
    if (index >= from)
      yield { index, term: frame.term, bytes: frame.payload.subarray(at + 4, at + 4 + length) }
    at += 4 + length
  }
}

function damaged(name: string, at: number, lastIndex: number): FsError {
  return new FsError(
    'CORRUPT',
    `log segment ${name} is damaged at byte ${at}: entries after ${lastIndex} cannot be read ` +
      'although later ones exist. Copy the folder away, check the disk, and restore a backup ' +
      '(hopbine admin restore FILE)',
    { segment: name, at, lastIndex },
  )
}
