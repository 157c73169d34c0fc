/**
 * Reads the segments of a log at start and checks every frame. What a crash tore is told from damage; damage
 * to what the store holds anyway is let go, any other stops the start.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import {
  decodeFrame,
  decodeSegmentHeader,
  type Frame,
  SEGMENT_HEADER_BYTES,
  voteOf,
  wasSettled,
} from './frame.ts'
import type { LogContents } from './log-contents.ts'
import type { LogDisk } from './log-disk.ts'
import { damaged, firstIndexOf, giveBack, readAll, Segment } from './segment.ts'

export class LogOpening {
  readonly #disk: LogDisk
  readonly #contents: LogContents
  /** Last entry that the store holds. */
  readonly #baseIndex: number
  readonly segments: Segment[] = []
  /** Damaged segments that were let go, since the store holds all that they did. */
  readonly letGo: string[] = []
  /** Bytes behind the last sound frame that were cut. */
  tornBytes = 0

  constructor(disk: LogDisk, contents: LogContents, baseIndex: number) {
    this.#disk = disk
    this.#contents = contents
    this.#baseIndex = baseIndex
  }

  /** Throws CORRUPT. */
  run(): void {
    const names = this.#disk.list().filter(name => name.endsWith('.log'))
    for (const [position, name] of names.entries()) this.#openOrLetGo(name, names[position + 1])
    this.#cutTornEnd()
  }

  #openOrLetGo(name: string, next: string | undefined): void {
    try {
      this.#open(name)
    } catch (error) {
      const isCovered = next !== undefined && firstIndexOf(next) <= this.#baseIndex + 1
      if (!isFsError(error, 'CORRUPT') || !isCovered) throw error
      // The next segment repeats the vote and the configurations.
      this.letGo.push(name)
      this.#drop()
      this.#disk.remove(name)
    }
  }

  #open(name: string): void {
    const file = this.#disk.open(name)
    const bytes = readAll(file)
    const header = decodeSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_BYTES))
    if (header === undefined) {
      file.close()
      // It was durable before the segment got its name, so without one something was lost.
      throw damaged(name, 0, this.#contents.lastIndex)
    }
    const segment = new Segment(name, file, header)
    this.#link(segment)
    this.segments.push(segment)
    this.#scan(segment, bytes)
    giveBack(bytes)
  }

  /** Looks how a segment follows what was opened before it. */
  #link({ header: { firstIndex, termBefore } }: Segment): void {
    const contents = this.#contents
    const last = this.segments.at(-1)
    if (last !== undefined && firstIndex <= contents.lastIndex + 1) {
      // A crash may have come between the beginning of the segment and the frame that takes these back.
      if (firstIndex <= contents.lastIndex) this.#forget(firstIndex)
      // Else it begins behind a snapshot that has another entry there: what was before is of no use.
      if (contents.terms.last === termBefore) return
    }
    // Behind a gap that the store covers: old segments whose removal a crash undid.
    if (last !== undefined && firstIndex > this.#baseIndex + 1) {
      throw damaged(last.name, last.end, contents.lastIndex)
    }
    this.#drop()
    contents.startBehind(firstIndex - 1, termBefore)
    // This segment repeats those in force; of others some may have been taken back.
    contents.configurations = []
  }

  #drop(): void {
    for (const { name, file } of this.segments.splice(0)) {
      file.close()
      this.#disk.remove(name)
    }
  }

  #forget(index: number): void {
    for (const { frames } of this.segments) frames.truncate(index)
    this.#contents.truncate(index)
  }

  /** Goes through the frames to the end; refuses damage to what was on the disk for certain. */
  #scan(segment: Segment, all: Buffer): void {
    const bytes = all.subarray(0, segment.room)
    for (const vote of segment.keptVotes(all)) this.#contents.noteVote(vote)
    for (;;) {
      const frame = decodeFrame(bytes, segment.end, segment.header.salt)
      if (frame === undefined || !this.#take(segment, frame)) break
      segment.end += frame.bytes
    }
    if (wasSettled(bytes, segment.end, segment.header.salt)) {
      throw damaged(segment.name, segment.end, this.#contents.lastIndex)
    }
  }

  /** False for a frame that does not belong where it stands. */
  #take(segment: Segment, frame: Frame): boolean {
    const { firstIndex, entries, isConfiguration, payload } = frame
    const contents = this.#contents
    if (entries === 0) {
      if (isConfiguration) contents.noteConfiguration({ index: firstIndex, bytes: Buffer.from(payload) })
      else contents.noteVote(voteOf(frame))
      return isConfiguration || firstIndex <= contents.lastIndex + 1
    }
    if (firstIndex > contents.lastIndex + 1 || firstIndex < segment.header.firstIndex) return false
    if (firstIndex <= contents.lastIndex) this.#forget(firstIndex)
    segment.frames.add(firstIndex, segment.end)
    contents.noteEntries(frame, payload)
    return true
  }

  /**
   * What a crash left behind the last sound frame was never acknowledged: it becomes zeros. What is sound may
   * still be in memory only, if just the process ended; it counts as stored from now on.
   */
  #cutTornEnd(): void {
    const segment = this.segments.at(-1)
    if (segment === undefined) return
    const bytes = readAll(segment.file)
    const lastUsed = bytes.subarray(segment.end, segment.room).findLastIndex(byte => byte !== 0)
    giveBack(bytes)
    this.tornBytes = lastUsed + 1
    if (lastUsed >= 0) segment.clearUpTo(segment.end + lastUsed + 1)
    segment.syncNow()
  }
}

/** Throws CORRUPT if something is missing between the store, which ends at `baseIndex`, and the log. */
export function checkCovers(
  { lastIndex }: LogContents,
  firstIndex: number | undefined,
  baseIndex: number,
): void {
  if (firstIndex !== undefined && firstIndex > baseIndex + 1) {
    throw new FsError(
      'CORRUPT',
      `the log starts at ${firstIndex}, the store ends at ${baseIndex}: ` +
        'what lies between is lost; restore a backup',
    )
  }
  if (lastIndex < baseIndex) {
    throw new FsError(
      'CORRUPT',
      `the log ends at ${lastIndex} but the store holds ${baseIndex}: ` +
        'log files are missing; restore a backup',
    )
  }
}
