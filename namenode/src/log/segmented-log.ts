/**
 * The durable log of one shard: preallocated segments of frames. Appends go to the end, one `sync` makes them
 * durable, old segments are removed from the front. At opening a torn end is cut; damage before the end stops
 * with an error that says what is lost. It never decides what is committed.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'
import {
  decodeFrame,
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  type FrameFacts,
  isLaterVote,
  type StoredVote,
  VOTE_FRAME_BYTES,
} from './frame.ts'
import { LogContents } from './log-contents.ts'
import type { LogDisk, LogFile } from './log-disk.ts'
import { checkCovers, LogOpening } from './log-opening.ts'
import {
  entriesOf,
  giveBack,
  type LogEntry,
  nameOf,
  readAll,
  readFrame,
  Segment,
  type StoredConfiguration,
} from './segment.ts'
import type { TermStart } from './term-list.ts'

const SPARE_NAME = 'spare'
/** Of a segment that was taken back and not yet removed. */
const CUT_ENDING = '.cut'
export const SEGMENT_BYTES_DEFAULT = 32 * 1024 * 1024

export class SegmentedLog {
  readonly #disk: LogDisk
  readonly #segmentBytes: number
  #segments: Segment[] = []
  #spare: Promise<LogFile | undefined> | undefined
  /** Set when the spare is there, so that the log rolls without waiting. */
  #spareReady: LogFile | undefined
  #spareError: Error | undefined
  readonly #contents = new LogContents()
  /** Times that the disk was asked to make something durable. */
  syncs = 0
  /** Bytes of frames written since the log was opened. */
  appendedBytes = 0
  /** What opening had to cut off, in bytes; 0 normally. */
  tornBytes = 0
  /** Damaged segments that opening let go, since the store holds what they did; none normally. */
  letGo: readonly string[] = []

  constructor(disk: LogDisk, segmentBytes = SEGMENT_BYTES_DEFAULT) {
    this.#disk = disk
    this.#segmentBytes = segmentBytes
  }

  get lastIndex(): number {
    return this.#contents.lastIndex
  }

  get lastTerm(): number {
    return this.#contents.terms.last
  }

  /** The entry before the first one of the log; its term is known. */
  get base(): TermStart {
    return this.#contents.terms.base
  }

  /** First index of each term behind the base, ascending. */
  get termStarts(): readonly TermStart[] {
    return this.#contents.terms.starts
  }

  /** Configurations of the log, ascending, and those in force where it begins. */
  get configurations(): readonly StoredConfiguration[] {
    return this.#contents.configurations
  }

  /** First index still in the log; `lastIndex + 1` when it is empty. */
  get firstIndex(): number {
    return this.#segments[0]?.header.firstIndex ?? this.lastIndex + 1
  }

  /** The last vote that was stored; undefined if none ever was. */
  get vote(): StoredVote | undefined {
    return this.#contents.vote
  }

  get bytes(): number {
    return this.#segments.length * this.#segmentBytes
  }

  /** Opens the segments and checks every frame. An empty log starts behind `baseIndex`. Throws CORRUPT. */
  async open(baseIndex: number, baseTerm: number): Promise<void> {
    const segments = this.#read(baseIndex, baseTerm)
    checkCovers(this.#contents, segments[0]?.header.firstIndex, baseIndex)
    this.#segments = segments
    this.#prepareSpare()
    if (segments.length === 0) await this.roll()
  }

  /**
   * Opens the log of a store that came with a snapshot: of the log before it nothing is kept but the vote,
   * unless it leads through the snapshot's last entry. May be repeated after a crash. Throws CORRUPT.
   */
  async openBehindSnapshot(base: TermStart, configurations: readonly StoredConfiguration[]): Promise<void> {
    this.#segments = this.#read(base.firstIndex, base.term)
    this.#prepareSpare()
    const { terms, lastIndex } = this.#contents
    const leadsThrough = lastIndex >= base.firstIndex && terms.at(base.firstIndex) === base.term
    if (!leadsThrough || this.#segments.length === 0) await this.restartBehind(base, configurations)
  }

  /**
   * Begins anew behind the last entry of a snapshot that the store holds. Nothing may be trusted if it
   * throws.
   */
  async restartBehind(base: TermStart, configurations: readonly StoredConfiguration[]): Promise<void> {
    // Segments behind it would pass for its own if a crash left them there.
    const next = base.firstIndex + 1
    if (this.lastIndex >= next && next > this.base.firstIndex) this.truncate(next)
    const old = this.#segments.splice(0)
    this.#contents.startBehind(base.firstIndex, base.term)
    this.#contents.configurations = configurations.slice(-2)
    await this.roll()
    const [first] = this.#segments
    for (const { name, file } of old) {
      file.close()
      if (name !== first?.name) this.#disk.remove(name)
    }
  }

  #read(baseIndex: number, baseTerm: number): Segment[] {
    this.#disk.remove(SPARE_NAME)
    for (const name of this.#disk.list()) if (name.endsWith(CUT_ENDING)) this.#disk.remove(name)
    this.#contents.startBehind(baseIndex, baseTerm)
    const opening = new LogOpening(this.#disk, this.#contents, baseIndex)
    opening.run()
    this.tornBytes = opening.tornBytes
    this.letGo = opening.letGo
    return opening.segments
  }

  /** True if a frame with so much payload fits without a new segment. */
  fits(payloadBytes: number): boolean {
    return this.#segments.at(-1)?.fits(payloadBytes) === true
  }

  /** The same for a vote. */
  get fitsVote(): boolean {
    return this.fits(VOTE_FRAME_BYTES - FRAME_HEADER_BYTES)
  }

  /**
   * Starts the next segment; waits for the spare if it is not there yet. Throws NO_SPACE, after which the log
   * goes on as it was; after anything else nothing of it may be trusted.
   */
  async roll(): Promise<void> {
    const file = this.#spareReady ?? (await this.#spare)
    if (file === undefined) {
      const error = this.#spareError
      this.#prepareSpare()
      throw new FsError('NO_SPACE', `no room for a log segment: ${error?.message ?? 'not prepared'}`)
    }
    const last = this.#segments.at(-1)
    // Later syncs are the new segment's: a gap before a segment that is there would be corruption.
    if (last?.isUnsynced === true) await this.#syncSegment(last)
    const firstIndex = this.lastIndex + 1
    const { bytes, header } = encodeSegmentHeader(firstIndex, this.lastTerm)
    file.write(bytes, 0)
    const segment = new Segment(nameOf(firstIndex), file, header)
    if (this.vote !== undefined) segment.appendVote(this.vote)
    for (const configuration of this.configurations) segment.repeatConfiguration(configuration)
    segment.syncNow()
    this.syncs += 1
    this.#rename(SPARE_NAME, segment.name)
    // One without entries has the same name, and its file has just been replaced.
    if (last?.name === segment.name) this.#segments.pop()?.file.close()
    this.#segments.push(segment)
    this.#prepareSpare()
  }

  /** A folder without room for a name is as good as a disk without room for a file. */
  #rename(from: string, to: string): void {
    try {
      this.#disk.rename(from, to)
    } catch (error) {
      throw fromNodeError(error as Error, 'grow the log')
    }
  }

  #syncSegment(segment: Segment): Promise<void> {
    this.syncs += 1
    return new Promise((resolve, reject) => {
      segment.sync(error => (error === null ? resolve() : reject(error)))
    })
  }

  /**
   * Writes one frame; durable after the next `sync`. `frame` has FRAME_HEADER_BYTES of room before the
   * payload. The caller asked `fits` before.
   */
  append(frame: Buffer, entries: number, term: number, isConfiguration = false): void {
    const segment = this.#segments.at(-1)
    assert(segment !== undefined && segment.end + frame.length <= segment.room, 'the frame fits')
    assert(term >= this.lastTerm && entries > 0, 'terms never go back, frames are not empty')
    const facts = { firstIndex: this.lastIndex + 1, term, entries, isConfiguration }
    this.#noteEntries(segment, facts, frame.subarray(FRAME_HEADER_BYTES))
    segment.append(frame, facts)
    this.appendedBytes += frame.length
  }

  /**
   * Takes back everything from `index` on; the next frame makes it so on the disk. Whole segments go now, so
   * that each one that stays begins where the one before it ends.
   */
  truncate(index: number): void {
    assert(index > this.base.firstIndex && index <= this.lastIndex, 'entries of the log are taken back')
    while (this.#segments.length > 1 && (this.#segments.at(-1)?.header.firstIndex ?? 0) >= index) {
      const { name, file } = this.#segments.pop() as Segment
      const last = this.#segments.at(-1)
      // The vote may lie in what goes, and a member must not forget it for a moment.
      if (this.vote !== undefined) last?.keepVote(this.vote)
      last?.syncNow()
      file.close()
      // The new name is durable before the segment before it is written again.
      this.#disk.rename(name, `${name}${CUT_ENDING}`)
      this.#disk.remove(`${name}${CUT_ENDING}`)
    }
    this.#forget(index)
  }

  /** Writes a vote, durable after the next `sync`. The caller asked `fitsVote` before. */
  appendVote(vote: StoredVote): void {
    assert(this.fitsVote, 'the vote fits')
    assert(this.vote === undefined || isLaterVote(vote, this.vote), 'a vote is never taken back')
    this.#segments.at(-1)?.appendVote(vote)
    this.#contents.noteVote(vote)
  }

  /**
   * Calls back when all appended frames are on the disk. After an error nothing of this log may be trusted.
   */
  sync(done: (error: Error | null) => void): void {
    const segment = this.#segments.at(-1)
    assert(segment !== undefined, 'the log is open')
    this.syncs += 1
    segment.sync(done)
  }

  /** Entries from `from` on, in order. The bytes are valid until the next step. */
  *read(from: number): Generator<LogEntry> {
    for (const [position, segment] of this.#segments.entries()) {
      const next = this.#endOf(position)
      if (next <= from) continue
      const bytes = readAll(segment.file)
      for (let i = 0; i < segment.frames.count; i++) {
        const frame = decodeFrame(bytes, segment.frames.positionAt(i), segment.header.salt)
        assert(frame !== undefined, 'frames were checked at opening or written since')
        yield* entriesOf(frame, from, segment.endOfFrame(i, next))
      }
      giveBack(bytes)
    }
  }

  /**
   * Entries from `from` to at most `to`, of about `bytesMax` bytes in all but at least one, in memory of
   * their own. For a reader that lags: it reads only the frames that it needs.
   */
  readSome(from: number, to: number, bytesMax: number): LogEntry[] {
    assert(from >= this.firstIndex && to <= this.lastIndex, 'the log holds what is read')
    const found: LogEntry[] = []
    let bytes = 0
    for (let next = from; next <= to; ) {
      const position = this.#segments.findLastIndex(({ header }) => header.firstIndex <= next)
      const segment = this.#segments[position] as Segment
      const frame = segment.frames.find(next)
      const end = Math.min(segment.endOfFrame(frame, this.#endOf(position)), to + 1)
      for (const entry of entriesOf(readFrame(segment, frame), next, end)) {
        bytes += entry.bytes.length
        if (bytes > bytesMax && found.length > 0) return found
        found.push(entry)
      }
      next = end
    }
    return found
  }

  /**
   * Removes segments that hold nothing after `index`; the one being written stays, and so many bytes of the
   * newest ones.
   */
  removeThrough(index: number, keptBytes = 0): void {
    while (this.#segments.length > 1 && this.bytes - this.#segmentBytes >= keptBytes) {
      const [first, second] = this.#segments as [Segment, Segment]
      if (second.header.firstIndex > index + 1) return
      first.file.close()
      this.#disk.remove(first.name)
      this.#segments.shift()
      this.#contents.terms.compact(second.header.firstIndex - 1, this.lastIndex)
    }
  }

  async close(): Promise<void> {
    const spare = await this.#spare
    spare?.close()
    for (const { file } of this.#segments) file.close()
    this.#segments = []
  }

  /** First index behind a segment. */
  #endOf(position: number): number {
    return this.#segments[position + 1]?.header.firstIndex ?? this.lastIndex + 1
  }

  /** Takes note of a frame at the end of a segment. */
  #noteEntries(segment: Segment, facts: Omit<FrameFacts, 'settled'>, payload: Buffer): void {
    segment.frames.add(facts.firstIndex, segment.end)
    this.#contents.noteEntries(facts, payload)
  }

  #forget(index: number): void {
    for (const { frames } of this.#segments) frames.truncate(index)
    this.#contents.truncate(index)
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
