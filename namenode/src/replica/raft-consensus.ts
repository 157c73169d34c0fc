/**
 * Drives a Raft core with the log of this machine. Group commit without timers: what one event-loop turn
 * proposes leaves as one Ready, and while an fsync is in flight the next one gathers. A failed fsync is never
 * tried again, since the kernel may have dropped the pages.
 *
 * The group is this member alone so far: what its own disk has is committed. The core is the one for any
 * number of members; a transport and a log that can take entries back are what a larger group lacks here.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError, fromNodeError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import { type SegmentedLog, VOTE_FRAME_BYTES } from '../log/segmented-log.ts'
import { makeConfiguration } from '../raft/configuration.ts'
import { type HardState, type MemberId, NOBODY } from '../raft/messages.ts'
import { RaftCore } from '../raft/raft-core.ts'
import type { Ready } from '../raft/ready.ts'
import { DEFAULT_SETTINGS } from '../raft/settings.ts'
import type { Consensus, ConsensusEvents } from './consensus.ts'
import { type Frame, ProposalBatches } from './proposal-batches.ts'

const SELF: MemberId = 1

export interface RaftConsensusOptions {
  /** Everything in it was applied. */
  readonly log: SegmentedLog
  /** Term of the last applied entry, which the log may have forgotten. */
  readonly appliedTerm: number
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly events: ConsensusEvents
}

export class RaftConsensus implements Consensus {
  readonly #log: SegmentedLog
  readonly #core: RaftCore
  readonly #events: ConsensusEvents
  readonly #batches = new ProposalBatches()
  #vote: HardState
  #committed: number
  #isSaving = false
  #isPlanned = false
  /** Who waits for this member to lead. */
  #candidature: { resolve(): void; reject(error: Error): void } | undefined

  constructor({ log, appliedTerm, random, events }: RaftConsensusOptions) {
    this.#log = log
    this.#events = events
    const { lastIndex, lastTerm, vote } = log
    // A log without a vote is that of a restored backup.
    const term = Math.max(vote?.term ?? 0, lastTerm, appliedTerm)
    const isOfTerm = vote?.term === term
    this.#vote = { term, vote: isOfTerm ? vote.vote : NOBODY, commit: lastIndex }
    this.#committed = lastIndex
    this.#core = new RaftCore({
      id: SELF,
      settings: DEFAULT_SETTINGS,
      hardState: this.#vote,
      log: { baseIndex: lastIndex, baseTerm: Math.max(lastTerm, appliedTerm), runs: [], lastIndex },
      configurations: [{ index: lastIndex, configuration: makeConfiguration([SELF]) }],
      reader: { read: () => undefined },
      random,
    })
  }

  get term(): number {
    return this.#core.term
  }

  get pending(): number {
    return this.#core.lastIndex - this.#committed
  }

  get pendingBytes(): number {
    return this.#batches.pendingBytes
  }

  /** Begins the next term as its leader. Resolves when all entries of earlier terms are committed. */
  lead(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#candidature = { resolve, reject }
      this.#core.campaign()
      this.#plan()
    })
  }

  /** Throws BUSY if too much waits, NOT_LEADER if this member does not lead. */
  propose(encode: (writer: Writer) => void): number {
    const index = this.#core.lastIndex + 1
    const data = this.#batches.begin(index, encode)
    const result = this.#core.propose(data)
    if (typeof result !== 'number') {
      this.#batches.cancel()
      throw new FsError(result === 'full' ? 'BUSY' : 'NOT_LEADER', `the proposal was refused: ${result}`)
    }
    assert(result === index, 'nothing else puts entries into the log within a turn')
    this.#batches.end()
    this.#plan()
    return index
  }

  /** Resolves when nothing is in flight any more. */
  async idle(): Promise<void> {
    while (this.#isSaving || this.#hasUnsaved) await new Promise(resolve => setImmediate(resolve))
  }

  get #hasUnsaved(): boolean {
    return this.#core.lastIndex > this.#log.lastIndex
  }

  /** A Ready is taken at the end of this event-loop turn, with everything that the turn proposed. */
  #plan(): void {
    if (this.#isSaving || this.#isPlanned) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      if (!this.#isSaving) this.#takeReady()
    })
  }

  #takeReady(): void {
    const ready = this.#core.ready()
    if (ready === undefined) return
    assert(ready.messages.length + ready.promises.length === 0, 'there is nobody to send to')
    if (!ready.mustSync) return this.#core.advance(ready)
    this.#isSaving = true
    this.#write(ready, this.#batches.take(ready.entries))
  }

  /**
   * Writes frame after frame, with new segments where they are needed; then one sync for all. What does not
   * fit into a fresh segment is a defect, which the log asserts.
   */
  #write(ready: Ready, frames: readonly Frame[], isFresh = false): void {
    try {
      if (!this.#writeVote(ready)) return this.#rollAnd(ready, frames)
      for (const [position, { bytes, entries, term }] of frames.entries()) {
        const isFirst = isFresh && position === 0
        if (!isFirst && !this.#log.fits(bytes.length - FRAME_HEADER_BYTES)) {
          return this.#rollAnd(ready, frames.slice(position))
        }
        this.#log.append(bytes, entries, term)
      }
    } catch (error) {
      return this.#events.onFailed(error as Error)
    }
    this.#sync(ready, undefined)
  }

  #rollAnd(ready: Ready, frames: readonly Frame[]): void {
    this.#log.roll().then(
      () => this.#write(ready, frames, true),
      (error: Error) => {
        const known = isFsError(error) ? error : fromNodeError(error, 'grow the log')
        if (isFsError(known)) this.#sync(ready, known)
        else this.#events.onFailed(error)
      },
    )
  }

  /** False if there is no room for it in this segment. */
  #writeVote({ hardState }: Ready): boolean {
    if (hardState === undefined) return true
    const { term, vote } = hardState
    if (term === this.#vote.term && vote === this.#vote.vote) return true
    if (!this.#log.fits(VOTE_FRAME_BYTES)) return false
    this.#log.appendVote({ term, vote })
    this.#vote = hardState
    return true
  }

  /** `refusal` says why what is not in the log by now never will be. */
  #sync(ready: Ready, refusal: FsError | undefined): void {
    this.#log.sync(error => {
      if (error !== null) return this.#events.onFailed(error)
      this.#core.advance({ ...ready, mark: { ...ready.mark, index: this.#log.lastIndex } })
      this.#batches.release(this.#log.lastIndex)
      this.#isSaving = false
      this.#tellCommitted()
      if (refusal !== undefined) this.#refuse(refusal)
      // Not before the end of this turn: what the applied batch made room for comes along, and a third of the
      // fsyncs of a mixed load is saved.
      if (this.#hasUnsaved) this.#plan()
    })
  }

  #tellCommitted(): void {
    const { appliable, term } = this.#core
    if (appliable <= this.#committed) return
    this.#committed = appliable
    this.#events.onCommitted(appliable)
    if (this.#core.termAt(appliable) !== term) return
    this.#candidature?.resolve()
    this.#candidature = undefined
  }

  /** No room for a new segment: nothing of what is left was written, so all of it is refused. */
  #refuse(error: FsError): void {
    const first = this.#core.withdrawUnsaved()
    this.#batches.drop()
    this.#candidature?.reject(error)
    this.#candidature = undefined
    this.#events.onRefused(first, error)
  }
}
