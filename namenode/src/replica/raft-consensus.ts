/**
 * Drives a Raft core with the log of this machine. Group commit without timers: what one event-loop turn
 * proposes leaves as one Ready, and while an fsync is in flight the next one gathers; only what other members
 * wait for does not.
 *
 * In a group of this member alone what its own disk has is committed, so the log is applied at start and the
 * core begins behind it. Who needs a snapshot fetches it beside this and starts again with it.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import type { SegmentedLog } from '../log/segmented-log.ts'
import { type Configuration, makeConfiguration, membersOf } from '../raft/configuration.ts'
import type { PlacedConfiguration } from '../raft/membership.ts'
import { type InstallSnapshot, type MemberId, type Message, NOBODY } from '../raft/messages.ts'
import { RaftCore, type Role } from '../raft/raft-core.ts'
import type { Ready } from '../raft/ready.ts'
import { DEFAULT_SETTINGS } from '../raft/settings.ts'
import type { Consensus, ConsensusEvents } from './consensus.ts'
import { ProposalBatches } from './proposal-batches.ts'
import { ReadyWriter } from './ready-writer.ts'
import { decodeConfiguration, entryOf } from './stored-entries.ts'

const SELF: MemberId = 1
/** A leader asks so seldom whether members that needed a snapshot have it, in ticks. */
const SNAPSHOT_TICKS = 40

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

export interface ConsensusFacts {
  readonly role: Role
  readonly term: number
  readonly leader: MemberId
  readonly lastIndex: number
  readonly committed: number
  readonly configuration: Configuration
  /** How far a member's log is known to agree; -1: not known. */
  matchedOf(id: MemberId): number
}

export class RaftConsensus implements Consensus {
  readonly #log: SegmentedLog
  readonly #core: RaftCore
  readonly #events: ConsensusEvents
  readonly #batches = new ProposalBatches()
  readonly #writer: ReadyWriter
  #committed: number
  readonly #group: GroupOptions | undefined
  #wasLeader = false
  /** It leads, and has committed an entry of its own term. */
  #serves = false
  #isPlanned = false
  #nowMs = 0
  #ticks = 0
  #lastToken = 0
  readonly #confirming = new Map<number, (isConfirmed: boolean) => void>()
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
    const hardState = { term, vote: isOfTerm ? vote.vote : NOBODY, commit: group?.appliedIndex ?? lastIndex }
    this.#committed = hardState.commit
    this.#writer = new ReadyWriter({
      log,
      batches: this.#batches,
      vote: hardState,
      waitsForRoom: group !== undefined,
      onSaved: ready => this.#finish(ready),
      onIdle: refusal => this.#onSaved(refusal),
      onWaiting: error => events.onWaiting?.(error),
      onFailed: error => events.onFailed(error),
    })
    this.#core = new RaftCore({
      id: group?.self ?? SELF,
      settings: DEFAULT_SETTINGS,
      hardState,
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

  /**
   * The log begins behind this entry now. A member that needs what went is told that only a snapshot helps.
   */
  compact(index: number): void {
    this.#core.compact(index)
  }

  /** Takes a message of another member. A snapshot that is needed here is the driver's to fetch first. */
  step(message: Message): void {
    if (message.type === 'snapshot' && this.#needs(message)) {
      return this.#events.onSnapshotNeeded?.(message.from)
    }
    this.#core.step(message)
    this.#noteStep()
  }

  /** Another member is known to be gone. */
  noteGone(id: MemberId): void {
    this.#core.noteGone(id)
  }

  /** Time passed: one tick, at `nowMs` on a clock that never goes back. */
  tick(nowMs: number): void {
    this.#nowMs = nowMs
    this.#core.tick(nowMs)
    this.#askAfterSnapshots()
    this.#noteStep()
  }

  /**
   * Calls back with true when it is certain that this member led after this call, with false when it cannot
   * be told (thesis 6.4). Whatever was read before the call is then no older than anything that was
   * acknowledged.
   */
  confirmLeading(done: (isConfirmed: boolean) => void): void {
    if (!this.isLeader) return done(false)
    const token = ++this.#lastToken
    this.#confirming.set(token, done)
    if (this.#core.read(token, this.#nowMs) !== undefined) return this.#confirmed(token, false)
    this.#plan(true)
  }

  /** Asks another voter to lead. False if that cannot be. */
  handOver(to: MemberId): boolean {
    const isBegun = this.#core.handOver(to)
    if (isBegun) this.#plan(true)
    return isBegun
  }

  /** What operators want to know. */
  get facts(): ConsensusFacts {
    const { role, term, leader, lastIndex, committed, configuration } = this.#core
    const matchedOf = (id: MemberId): number =>
      id === this.#group?.self ? this.#log.lastIndex : (this.#core.matchedOf(id) ?? -1)
    return { role, term, leader, lastIndex, committed, configuration, matchedOf }
  }

  /** Whether the log here neither reaches to the snapshot nor holds its entry. */
  #needs({ term, snapshot }: InstallSnapshot): boolean {
    if (term < this.#core.term) return false
    return snapshot.index > this.#core.committed && this.#core.termAt(snapshot.index) !== snapshot.term
  }

  /** Members that fetch a snapshot come back by themselves: whether one has is asked now and then. */
  #askAfterSnapshots(): void {
    this.#ticks += 1
    if (!this.isLeader || this.#ticks % SNAPSHOT_TICKS !== 0) return
    for (const id of membersOf(this.#core.configuration)) this.#core.reportSnapshot(id, false)
  }

  #noteStep(): void {
    this.#noteRole()
    this.#tellCommitted()
    this.#plan(true)
  }

  #noteRole(): void {
    const { isLeader } = this
    const wasLeader = this.#wasLeader
    this.#wasLeader = isLeader
    if (!wasLeader || isLeader) return
    this.#serves = false
    for (const token of [...this.#confirming.keys()]) this.#confirmed(token, false)
    this.#events.onDeposed?.(this.leader)
  }

  /** Resolves when nothing is in flight any more. */
  async idle(): Promise<void> {
    while (this.#writer.isBusy || this.#hasUnsaved) await new Promise(resolve => setImmediate(resolve))
  }

  get #hasUnsaved(): boolean {
    return this.#core.lastIndex > this.#log.lastIndex
  }

  /**
   * A Ready is taken at the end of this event-loop turn, with everything that the turn proposed. While the
   * disk is busy, proposals gather; what others wait for does not.
   */
  #plan(isUrgent = false): void {
    if (this.#isPlanned || (this.#writer.isBusy && !isUrgent)) return
    this.#isPlanned = true
    setImmediate(() => {
      this.#isPlanned = false
      this.#takeReady()
    })
  }

  #takeReady(): void {
    const ready = this.#core.ready()
    if (ready === undefined) return
    assert(ready.snapshot === undefined, 'a snapshot that is needed is fetched before it is stepped')
    for (const message of ready.messages) this.#group?.send(message)
    for (const { token } of ready.reads) this.#confirmed(token, true)
    for (const token of ready.droppedReads) this.#confirmed(token, false)
    if (ready.mustSync || this.#writer.isBusy) this.#writer.save(ready)
    else this.#finish(ready)
  }

  #confirmed(token: number, isConfirmed: boolean): void {
    const done = this.#confirming.get(token)
    this.#confirming.delete(token)
    done?.(isConfirmed)
  }

  #onSaved(refusal: FsError | undefined): void {
    if (refusal !== undefined) this.#refuse(refusal)
    // Not before the end of this turn: what the applied batch made room for comes along, and a third of the
    // fsyncs of a mixed load is saved.
    if (this.#hasUnsaved || this.#group !== undefined) this.#plan()
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
    if (this.#serves || !this.isLeader || this.#core.termAt(appliable) !== term) return
    this.#serves = true
    this.#candidature?.resolve()
    this.#candidature = undefined
    this.#events.onLeading?.()
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
