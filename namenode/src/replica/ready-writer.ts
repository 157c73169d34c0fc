/**
 * Stores what Readys of the core ask for: entries and votes in their order, with one sync for all that came
 * while the sync before was under way. A failed fsync is never tried again, since the kernel may have dropped
 * the pages.
 */
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import type { SegmentedLog } from '../log/segmented-log.ts'
import type { HardState } from '../raft/messages.ts'
import type { Ready } from '../raft/ready.ts'
import type { ProposalBatches } from './proposal-batches.ts'
import type { EntryFrame } from './stored-entries.ts'

export interface ReadyWriterOptions {
  readonly log: SegmentedLog
  readonly batches: ProposalBatches
  /** What is stored at start. */
  readonly vote: HardState
  /** A member of a group waits for room on its disk; one alone refuses what cannot be written. */
  readonly waitsForRoom: boolean
  /** The disk has what this Ready asked for, as far as the log goes now. */
  readonly onSaved: (ready: Ready) => void
  /**
   * All that could be written is, and every `onSaved` was called. `refusal` says why the rest never will be.
   */
  readonly onIdle: (refusal: FsError | undefined) => void
  /** There is no room for a segment; it is looked for again and again. */
  readonly onWaiting: (error: FsError) => void
  readonly onFailed: (error: Error) => void
}

/** A member without room looks for it again after so long, in milliseconds. */
const ROOM_MS = 1_000

interface Job {
  readonly ready: Ready
  /** Frames that are not written yet. */
  frames: readonly EntryFrame[]
  /** First entry that is to be written. */
  readonly from: number | undefined
  hasBegun: boolean
}

export class ReadyWriter {
  readonly #options: ReadyWriterOptions
  readonly #queue: Job[] = []
  #vote: HardState
  #isBusy = false

  constructor(options: ReadyWriterOptions) {
    this.#options = options
    this.#vote = options.vote
  }

  get isBusy(): boolean {
    return this.#isBusy
  }

  /** Takes over what the Ready holds: its proposals lie in the batches until they are stored. */
  save(ready: Ready): void {
    const frames = this.#options.batches.take(ready.entries)
    this.#queue.push({ ready, frames, from: ready.entries[0]?.index, hasBegun: false })
    if (!this.#isBusy) this.#begin()
  }

  #begin(): void {
    this.#isBusy = true
    const jobs = this.#queue.splice(0)
    this.#write(jobs, 0, false)
  }

  /**
   * Writes frame after frame, with new segments where they are needed; then one sync for all. What does not
   * fit into a fresh segment is a defect, which the log asserts.
   */
  #write(jobs: readonly Job[], from: number, isFresh: boolean): void {
    const { log } = this.#options
    let fresh = isFresh
    try {
      for (const [offset, job] of jobs.slice(from).entries()) {
        if (!this.#prepare(job)) return this.#rollAnd(jobs, from + offset)
        for (const [position, { bytes, entries, term, isConfiguration }] of job.frames.entries()) {
          if (!fresh && !log.fits(bytes.length - FRAME_HEADER_BYTES)) {
            job.frames = job.frames.slice(position)
            return this.#rollAnd(jobs, from + offset)
          }
          fresh = false
          log.append(bytes, entries, term, isConfiguration)
        }
      }
    } catch (error) {
      return this.#options.onFailed(error as Error)
    }
    this.#sync(jobs, undefined)
  }

  /** Takes back what the Ready replaces, and writes its vote. False if the vote needs a new segment. */
  #prepare(job: Job): boolean {
    const { log } = this.#options
    if (!job.hasBegun && job.from !== undefined && job.from <= log.lastIndex) log.truncate(job.from)
    job.hasBegun = true
    const { hardState } = job.ready
    if (hardState === undefined) return true
    const { term, vote } = hardState
    if (term === this.#vote.term && vote === this.#vote.vote) return true
    if (!log.fitsVote) return false
    log.appendVote({ term, vote })
    this.#vote = hardState
    return true
  }

  #rollAnd(jobs: readonly Job[], from: number): void {
    const { log, waitsForRoom, onFailed, onWaiting } = this.#options
    log.roll().then(
      () => this.#write(jobs, from, true),
      (error: Error) => {
        // A failed fsync may carry the code of a full disk.
        if (!isFsError(error)) return onFailed(error)
        if (!waitsForRoom) return this.#sync(jobs, error)
        onWaiting(error)
        setTimeout(() => this.#rollAnd(jobs, from), ROOM_MS).unref()
      },
    )
  }

  #sync(jobs: readonly Job[], refusal: FsError | undefined): void {
    const { log, batches, onSaved, onIdle, onFailed } = this.#options
    log.sync(error => {
      if (error !== null) return onFailed(error)
      batches.release(log.lastIndex)
      this.#isBusy = false
      for (const { ready } of jobs) {
        const { mark } = ready
        onSaved({ ...ready, mark: { ...mark, index: Math.min(mark.index, log.lastIndex) } })
      }
      onIdle(refusal)
      if (this.#queue.length > 0) this.#begin()
    })
  }
}
