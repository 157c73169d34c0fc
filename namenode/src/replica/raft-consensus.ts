/**
 * Drives a Raft core with the log of this machine. Group commit without timers: what one event-loop turn
 * proposes leaves as one Ready, and while an fsync is in flight the next one gathers. A failed fsync is never
 * tried again, since the kernel may have dropped the pages.
 *
 * In a group of this member alone what its own disk has is committed, so the log is applied at start and the
 * core begins behind it. Snapshots are what a larger group lacks here, and room on the disk ends it.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError, fromNodeError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import type { SegmentedLog } from '../log/segmented-log.ts'
import { makeConfiguration } from '../raft/configuration.ts'
import type { PlacedConfiguration } from '../raft/membership.ts'
import { type HardState, type MemberId, type Message, NOBODY } from '../raft/messages.ts'
import { RaftCore } from '../raft/raft-core.ts'
import type { Ready } from '../raft/ready.ts'
import { DEFAULT_SETTINGS } from '../raft/settings.ts'
import type { Consensus, ConsensusEvents } from './consensus.ts'
import { ProposalBatches } from './proposal-batches.ts'
import { decodeConfiguration, type EntryFrame, entryOf } from './stored-entries.ts'

const SELF: MemberId = 1

export interface RaftConsensusOptions {
  /** Everything in it was applied. */
  readonly log: SegmentedLog
  /** Term of the last applied entry, which the log may have forgotten. */
  readonly appliedTerm: number
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly events: ConsensusEvents
  /** Undefined for a group of this member alone. */
  readonly group?: GroupOptions
}

export interface GroupOptions {
  readonly self: MemberId
  /** The first voters; what the log says later counts more. */
  readonly voters: readonly MemberId[]
  /** Last entry that the store holds: all up to there is committed. */
  readonly appliedIndex: number
  /** Encodes the message before it returns: the bytes of entries are only lent. It may get lost. */
  send(message: Message): void
}

export class RaftConsensus implements Consensus {
  readonly #log: SegmentedLog
  readonly #core: RaftCore
  readonly #events: ConsensusEvents
  readonly #batches = new ProposalBatches()
  #vote: HardState
  #committed: number
  readonly #group: GroupOptions | undefined
  #wasLeader = false
  #isSaving = false
  #isPlanned = false
  /** Who waits for this member to lead. */
  #candidature: { resolve(): void; reject(error: Error): void } | undefined

  constructor({ log, appliedTerm, random, events, group }: RaftConsensusOptions) {
    this.#group = group
    this.#log = log
    this.#events = events
    const { lastIndex, lastTerm, vote } = log
    // A log without a vote is that of a restored backup.
    const term = Math.max(vote?.term ?? 0, lastTerm, appliedTerm)
    const isOfTerm = vote?.term === term
    this.#vote = { term, vote: isOfTerm ? vote.vote : NOBODY, commit: group?.appliedIndex ?? lastIndex }
    this.#committed = this.#vote.commit
    this.#core = new RaftCore({
      id: group?.self ?? SELF,
      settings: DEFAULT_SETTINGS,
      hardState: this.#vote,
      log:
        group === undefined
          ? { baseIndex: lastIndex, baseTerm: Math.max(lastTerm, appliedTerm), runs: [], lastIndex }
          : { baseIndex: log.base.firstIndex, baseTerm: log.base.term, runs: log.termStarts, lastIndex },
      configurations:
        group === undefined
          ? [{ index: lastIndex, configuration: makeConfiguration([SELF]) }]
          : configurationsOf(log, group),
      // What the log forgot only a snapshot can bring.
      reader: {
        read: (from, to, bytesMax) =>
          from < log.firstIndex ? undefined : log.readSome(from, to, bytesMax).map(entryOf),
      },
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
    const entry = this.#batches.add(index, this.#core.term, encode)
    const result = this.#core.propose(entry)
    if (typeof result !== 'number') {
      this.#batches.remove(entry)
      throw new FsError(result === 'full' ? 'BUSY' : 'NOT_LEADER', `the proposal was refused: ${result}`, {
        leader: this.leader,
      })
    }
    this.#plan()
    return index
  }

  /** NOBODY while it is not known. */
  get leader(): MemberId {
    return this.#core.leader
  }

  get isLeader(): boolean {
    return this.#core.role === 'leader'
  }

  /** Takes a message of another member. */
  step(message: Message): void {
    this.#core.step(message)
    this.#noteStep()
  }

  /** Time passed: one tick, at `nowMs` on a clock that never goes back. */
  tick(nowMs: number): void {
    this.#core.tick(nowMs)
    this.#noteStep()
  }

  #noteStep(): void {
    this.#noteRole()
    this.#tellCommitted()
    this.#plan()
  }

  #noteRole(): void {
    const { isLeader } = this
    if (this.#wasLeader && !isLeader) this.#events.onDeposed?.(this.leader)
    this.#wasLeader = isLeader
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
    assert(ready.snapshot === undefined, 'nobody sends snapshots yet')
    for (const message of ready.messages) this.#group?.send(message)
    if (!ready.mustSync) return this.#finish(ready)
    this.#isSaving = true
    const [first] = ready.entries
    try {
      if (first !== undefined && first.index <= this.#log.lastIndex) this.#log.truncate(first.index)
    } catch (error) {
      return this.#events.onFailed(error as Error)
    }
    this.#write(ready, this.#batches.take(ready.entries))
  }

  /**
   * Writes frame after frame, with new segments where they are needed; then one sync for all. What does not
   * fit into a fresh segment is a defect, which the log asserts.
   */
  #write(ready: Ready, frames: readonly EntryFrame[], isFresh = false): void {
    try {
      if (!this.#writeVote(ready)) return this.#rollAnd(ready, frames)
      for (const [position, { bytes, entries, term, isConfiguration }] of frames.entries()) {
        const isFirst = isFresh && position === 0
        if (!isFirst && !this.#log.fits(bytes.length - FRAME_HEADER_BYTES)) {
          return this.#rollAnd(ready, frames.slice(position))
        }
        this.#log.append(bytes, entries, term, isConfiguration)
      }
    } catch (error) {
      return this.#events.onFailed(error as Error)
    }
    this.#sync(ready, undefined)
  }

  #rollAnd(ready: Ready, frames: readonly EntryFrame[]): void {
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
    if (!this.#log.fitsVote) return false
    this.#log.appendVote({ term, vote })
    this.#vote = hardState
    return true
  }

  /** `refusal` says why what is not in the log by now never will be. */
  #sync(ready: Ready, refusal: FsError | undefined): void {
    this.#log.sync(error => {
      if (error !== null) return this.#events.onFailed(error)
      this.#batches.release(this.#log.lastIndex)
      this.#isSaving = false
      this.#finish({ ...ready, mark: { ...ready.mark, index: this.#log.lastIndex } })
      if (refusal !== undefined) this.#refuse(refusal)
      // Not before the end of this turn: what the applied batch made room for comes along, and a third of the
      // fsyncs of a mixed load is saved.
      if (this.#hasUnsaved || this.#group !== undefined) this.#plan()
    })
  }

  /** What the Ready asked for is on the disk. */
  #finish(ready: Ready): void {
    for (const message of ready.promises) this.#group?.send(message)
    this.#core.advance(ready)
    this.#noteRole()
    this.#tellCommitted()
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

function configurationsOf(log: SegmentedLog, { voters }: GroupOptions): PlacedConfiguration[] {
  const stored = log.configurations.map(({ index, bytes }) => ({
    index,
    configuration: decodeConfiguration(bytes),
  }))
  return stored.length > 0
    ? stored
    : [{ index: log.base.firstIndex, configuration: makeConfiguration(voters) }]
}
