/**
 * Raft as a pure state machine: messages, ticks and proposals go in, one `Ready` at a time comes out that
 * says what to store, send and apply. It knows no clock, disk, socket or promise, and draws chance only from
 * what it was given, so the same calls always give the same answers.
 *
 * Duties of the driver, in this order for each `Ready`:
 * 1. send `messages`, at any time;
 * 2. install `snapshot`, store `entries` (which replace everything stored from the first one's index on) and
 *    `hardState`, in the order of the Readys, and wait until the disk has them;
 * 3. send `promises`;
 * 4. call `advance` with the Ready.
 * Entries up to `committed` may be applied at any time. Any number of Readys may be under way, as long as the
 * steps 2 to 4 keep their order.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { Candidacy, type ElectionResult, grantsVote } from './candidacy.ts'
import { type Configuration, membersOf } from './configuration.ts'
import { acceptAppend, acceptHeartbeat, acceptSnapshot } from './follower.ts'
import { Handout } from './handout.ts'
import { Leadership, type ReadRefusal, type Refusal } from './leadership.ts'
import { MemberState } from './member-state.ts'
import { Membership, type MembershipChange } from './membership.ts'
import {
  type MemberId,
  type Message,
  NOBODY,
  type Proposal,
  type SnapshotFacts,
  type VoteRequest,
  type VoteResponse,
} from './messages.ts'
import { Patience } from './patience.ts'
import { RaftLog } from './raft-log.ts'
import type { RaftOptions } from './raft-options.ts'
import type { Ready } from './ready.ts'
import { checkSettings } from './settings.ts'
import { type TraceFacts, Tracer } from './trace.ts'

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader'

export class RaftCore {
  readonly #state: MemberState
  readonly #patience: Patience
  #candidacy: Candidacy | undefined
  #leadership: Leadership | undefined
  readonly #handout: Handout

  constructor(options: RaftOptions) {
    const { id, settings, hardState, reader, random, trace } = options
    checkSettings(settings)
    assert(id !== NOBODY, 'a member has an id')
    const log = new RaftLog(options.log, reader, Math.min(hardState.commit, options.log.lastIndex))
    const membership = new Membership(options.configurations)
    const tracer = trace === undefined ? undefined : new Tracer(trace, () => this.#facts())
    const { term, vote, promised } = hardState
    this.#state = new MemberState({ id, settings, log, membership, tracer, term, vote, promised })
    this.#state.settlePromise()
    this.#handout = new Handout(this.#state)
    this.#patience = new Patience(settings, random)
    if (term === 0 && log.lastIndex > 0) tracer?.bootstrap(membership.inForce)
    else tracer?.event('InitState')
  }

  get role(): Role {
    if (this.#leadership !== undefined) return 'leader'
    if (this.#candidacy !== undefined) return this.#candidacy.isPre ? 'pre-candidate' : 'candidate'
    return 'follower'
  }

  get term(): number {
    return this.#state.term
  }

  /** The leader of this term, NOBODY while it is not known. */
  get leader(): MemberId {
    return this.#state.leader
  }

  get lastIndex(): number {
    return this.#state.log.lastIndex
  }

  get committed(): number {
    return this.#state.log.committed
  }

  /** Last entry that may be applied. */
  get appliable(): number {
    return this.#state.log.appliable
  }

  get configuration(): Configuration {
    return this.#state.membership.inForce
  }

  /** True while a change of membership is not committed to its end. */
  get isChanging(): boolean {
    const { membership, log } = this.#state
    return !membership.isSettled(log.committed)
  }

  termAt(index: number): number | undefined {
    return this.#state.log.termAt(index)
  }

  /** Of the leader: how far a member's log is known to be stored. */
  matchedOf(id: MemberId): number | undefined {
    return this.#leadership?.progressOf(id)?.matched
  }

  /** Time passed: about the same for every tick, and never several at once to make up for a delay. */
  tick(nowMs: number): void {
    this.#state.nowMs = nowMs
    this.#handout.tick()
    if (this.#leadership !== undefined) {
      if (!this.#leadership.tick() || this.#handout.isDiskStalled) this.#becomeFollower(this.term, NOBODY)
      return
    }
    if (this.#patience.tick()) this.campaign()
  }

  /** Stands for election now, first by a pre-vote. No use while a leader is heard, or if it is no voter. */
  campaign(): void {
    const isFree = this.#mayStand && !this.#hearsLeader
    this.#patience.restart()
    if (isFree) this.#stand(true, false)
  }

  /**
   * The driver saw a member's end, as when its connections break. Who followed it waits no longer for its
   * word; if it lives after all, others still hear it and there is no election. With leases the leader counts
   * on being waited for, so nothing changes.
   */
  noteGone(id: MemberId): void {
    const { settings, leader } = this.#state
    if (leader === id && this.role === 'follower' && settings.leaseMs === 0) this.#patience.giveUp()
  }

  /** Puts a command into the log, if this member leads: its index, or why not. */
  propose(proposal: Proposal): number | Refusal {
    return this.#leadership?.propose(proposal) ?? 'not-leader'
  }

  /**
   * Takes back all entries that are not stored, because the disk has no room for them: the first one's index.
   * Only a leader without other members may, since nobody else saw them.
   */
  withdrawUnsaved(): number {
    const { id, log, membership } = this.#state
    const isAlone = membersOf(membership.inForce).every(member => member === id)
    assert(this.#leadership !== undefined && isAlone, 'nobody else has seen what is withdrawn')
    const index = log.savedIndex + 1
    if (index <= log.lastIndex) this.#state.truncate(index)
    this.#leadership.noteWithdrawn()
    return index
  }

  changeMembership(change: MembershipChange): number | Refusal {
    return this.#leadership?.changeMembership(change) ?? 'not-leader'
  }

  /** Asks the leader, which this member is, to let another lead. False if it cannot. */
  handOver(to: MemberId): boolean {
    return this.#leadership?.handOver(to) ?? false
  }

  /**
   * Asks for an index at which a read is linearizable; the answer comes in `reads` or `droppedReads`, or gets
   * lost with the leader. `token` is the caller's.
   */
  read(token: number, nowMs: number): ReadRefusal | undefined {
    this.#state.nowMs = nowMs
    if (this.#leadership !== undefined) {
      return this.#leadership.reads.add(token, NOBODY) ? undefined : 'full'
    }
    if (this.leader === NOBODY) return 'not-leader'
    this.#state.send({ type: 'read-request', to: this.leader, token })
    return undefined
  }

  /** A snapshot that a message asked to be sent got there, or did not. */
  reportSnapshot(to: MemberId, isThere: boolean): void {
    this.#leadership?.progressOf(to)?.endSnapshot(isThere)
  }

  /**
   * Forgets the log up to an applied entry that the durable state machine holds, but for the tail that short
   * outages need. Returns the last entry that is forgotten: the driver may remove all up to there.
   */
  compact(index: number): number {
    const { log, membership, settings } = this.#state
    const last = Math.min(index, log.appliable - settings.keptEntries)
    if (last > log.baseIndex) {
      log.compact(last)
      membership.compact(last)
    }
    return log.baseIndex
  }

  /** True while the disk has not finished a write for `diskTicks`. */
  get isDiskStalled(): boolean {
    return this.#handout.isDiskStalled
  }

  /** What a snapshot of the state after an applied entry stands for. */
  describe(index: number): SnapshotFacts {
    const term = this.termAt(index)
    assert(term !== undefined && index <= this.committed, 'a snapshot stands for a committed entry')
    return { index, term, configuration: this.#state.membership.at(index) }
  }

  /** Takes a message that another member sent to this one. */
  step(message: Message): void {
    assert(message.to === this.#state.id, 'the message is for this member')
    if (message.type === 'vote-request') return this.#stepVoteRequest(message)
    if (message.type === 'vote-response') return this.#stepVoteResponse(message)
    if (message.term < this.term) return this.#answerStale(message)
    this.#state.tracer?.received(message)
    const leads = isFromLeader(message)
    if (message.term > this.term) this.#becomeFollower(message.term, leads ? message.from : NOBODY)
    else if (leads) this.#hearLeader(message.from)
    this.#dispatch(message)
  }

  /** What there is to do, or undefined if there is nothing. */
  ready(): Ready | undefined {
    this.#leadership?.flush()
    return this.#handout.take(this.#leadership !== undefined)
  }

  /** The disk holds what this Ready and all before it asked for. */
  advance(ready: Ready): void {
    const { log, tracer, id } = this.#state
    const hasMore = this.#handout.noteStored(ready)
    if (this.#leadership !== undefined) {
      if (hasMore) tracer?.ownAppend('Receive', log.savedIndex)
      this.#leadership.advanceCommit()
      return this.#leaveIfRemoved()
    }
    if (this.role !== 'candidate' || !this.#handout.isOwnVoteStored) return
    tracer?.ownVote('Receive')
    this.#count(id, true)
  }

  /** A voter, perhaps only still, with no snapshot half installed and a disk that works. */
  get #mayStand(): boolean {
    const { membership, id, log, promised } = this.#state
    const isIdle = this.#leadership === undefined && this.#handout.snapshot === undefined
    const isFree = isIdle && promised === undefined
    return isFree && !this.#handout.isDiskStalled && membership.mayStand(id, log.committed)
  }

  #stepVoteRequest(request: VoteRequest): void {
    // A member that can be heard leads: whoever cannot hear it must not disturb it (thesis 4.2.3, 6.4.1).
    if (!request.isTransfer && this.#hearsLeader) return
    if (!request.pre) this.#state.tracer?.received(request)
    if (!request.pre && request.term > this.term) this.#becomeFollower(request.term, NOBODY)
    const { from: to, pre, term } = request
    const granted = term >= this.term && grantsVote(this.#state, request)
    if (pre) return this.#state.send({ type: 'vote-response', to, pre, granted }, granted ? term : this.term)
    if (granted) {
      this.#state.voteFor(to)
      this.#patience.restart()
    }
    this.#state.promise({ type: 'vote-response', to, pre, granted })
  }

  #stepVoteResponse(response: VoteResponse): void {
    const { from, term, pre, granted } = response
    // A pre-vote that was given speaks of the term to come.
    const mayPass = term === (pre && granted ? this.term + 1 : this.term)
    if (!pre && term >= this.term) this.#state.tracer?.received(response)
    if (term > this.term && !(pre && granted)) return this.#becomeFollower(term, NOBODY)
    if (mayPass && this.#candidacy?.isPre === pre) this.#count(from, granted)
  }

  #count(from: MemberId, granted: boolean): void {
    const result: ElectionResult = this.#candidacy?.record(from, granted) ?? 'open'
    if (result === 'lost') this.#becomeFollower(this.term, NOBODY)
    if (result !== 'won') return
    if (this.#candidacy?.isPre === true) this.#stand(false, false)
    else this.#becomeLeader()
  }

  #dispatch(message: Message): void {
    const state = this.#state
    switch (message.type) {
      case 'append':
        return acceptAppend(state, message)
      case 'heartbeat':
        return acceptHeartbeat(state, message)
      case 'snapshot':
        this.#handout.snapshot = acceptSnapshot(state, message) ?? this.#handout.snapshot
        return
      case 'append-response':
        this.#leadership?.handleAppendResponse(message)
        return this.#leaveIfRemoved()
      case 'heartbeat-response':
        return this.#leadership?.handleHeartbeatResponse(message)
      case 'timeout-now':
        if (this.#mayStand) this.#stand(false, true)
        return
      case 'read-request':
        this.#leadership?.reads.add(message.token, message.from)
        return
      case 'read-response':
        return state.confirmRead({ token: message.token, index: message.index })
      default:
        assert(false, `${message.type} is handled before`)
    }
  }

  /**
   * A leader of an earlier term learns of this one by the answer, and its followers are free (thesis 9.6).
   */
  #answerStale(message: Message): void {
    if (!isFromLeader(message)) return
    const { from: to } = message
    this.#state.send({ type: 'append-response', to, ...REFUSED_AS_STALE })
  }

  #hearLeader(from: MemberId): void {
    assert(this.#leadership === undefined, 'a term has one leader')
    if (this.#candidacy !== undefined || this.leader === NOBODY) this.#becomeFollower(this.term, from)
    assert(this.leader === from, 'a term has one leader')
    this.#patience.noteHeard()
  }

  /**
   * The leader hears itself, since it steps down when it does not hear a quorum. With leases a member that
   * has just started counts as one that heard a leader: before the crash it may have answered one.
   */
  get #hearsLeader(): boolean {
    if (this.#leadership !== undefined || this.#patience.isGuarded) return true
    return this.leader !== NOBODY && this.#patience.isFresh
  }

  #becomeFollower(term: number, leader: MemberId): void {
    this.#leadership?.reads.drop()
    this.#leadership = undefined
    this.#candidacy = undefined
    if (term > this.term) this.#state.enterTerm(term)
    this.#state.leader = leader
    this.#patience.restart()
    this.#state.tracer?.event('BecomeFollower')
  }

  /** A pre-vote changes neither term nor vote; the election itself begins a term with the own vote. */
  #stand(isPre: boolean, isTransfer: boolean): void {
    const state = this.#state
    state.leader = NOBODY
    if (!isPre) {
      state.enterTerm(this.term + 1)
      state.voteFor(state.id)
    }
    this.#candidacy = new Candidacy(state, isPre)
    this.#patience.restart()
    if (!isPre) state.tracer?.event('BecomeCandidate')
    if (!isPre) state.tracer?.ownVote('Send')
    this.#candidacy.ask(isTransfer)
    if (isPre) this.#count(state.id, true)
  }

  #becomeLeader(): void {
    this.#candidacy = undefined
    this.#state.leader = this.#state.id
    this.#state.tracer?.event('BecomeLeader')
    this.#leadership = new Leadership(this.#state)
  }

  #leaveIfRemoved(): void {
    if (this.#leadership?.isRemoved === true) this.#becomeFollower(this.term, NOBODY)
  }

  #facts(): TraceFacts {
    const { id, hardState, log, membership } = this.#state
    const role = this.#leadership !== undefined ? 'StateLeader' : undefined
    return {
      id,
      hardState: { ...hardState, commit: log.committed },
      role: role ?? (this.role === 'candidate' ? 'StateCandidate' : 'StateFollower'),
      lastIndex: log.lastIndex,
      configuration: membership.inForce,
    }
  }
}

function isFromLeader({ type }: Message): boolean {
  return type === 'append' || type === 'heartbeat' || type === 'snapshot'
}

const REFUSED_AS_STALE = { accepted: false, index: 0, hintIndex: 0, hintTerm: 0, hasLost: false } as const
