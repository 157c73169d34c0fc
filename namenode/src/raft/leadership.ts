/**
 * One member's time as leader of one term: proposals, commitment, reads, changes of membership, handing over.
 * Begins with an election won and ends with the term, or when no quorum is heard.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { type Configuration, hasQuorum, isJoint, isVoter } from './configuration.ts'
import type { MemberState } from './member-state.ts'
import type { MembershipChange } from './membership.ts'
import type { AppendResponse, Entry, EntryKind, HeartbeatResponse, MemberId, Proposal } from './messages.ts'
import type { Progress } from './progress.ts'
import { Reads } from './reads.ts'
import { Replication } from './replication.ts'
import { UncommittedBytes } from './uncommitted-bytes.ts'

/**
 * Why a proposal was not taken: another member leads; leadership is being handed over; too much waits for its
 * commitment; a change of membership is under way; the leader does not know yet what is committed; a new
 * voter is no learner that has caught up, or a voter would become a learner.
 */
export type Refusal = 'not-leader' | 'handing-over' | 'full' | 'in-change' | 'too-early' | 'not-caught-up'

export type ReadRefusal = 'not-leader' | 'full'

const NO_BYTES = new Uint8Array(0)

export class Leadership {
  readonly #state: MemberState
  readonly #replication: Replication
  readonly reads: Reads
  readonly #uncommitted = new UncommittedBytes()
  #ticksSinceHeartbeat = 0
  #ticksSinceQuorum = 0
  #successor: MemberId | undefined
  #ticksOfHandover = 0

  constructor(state: MemberState) {
    this.#state = state
    this.#replication = new Replication(state)
    this.reads = new Reads(state)
    // The first entry of a term commits all before it (paper, section 8; thesis 6.4).
    this.#append('noop', NO_BYTES, undefined)
  }

  /** Who shall lead next, while leadership is handed over. */
  get successor(): MemberId | undefined {
    return this.#successor
  }

  progressOf(id: MemberId): Progress | undefined {
    return this.#replication.progressOf(id)
  }

  /** Puts a command into the log; its index, or why not. */
  propose(proposal: Proposal): number | Refusal {
    if (this.#successor !== undefined) return 'handing-over'
    const { uncommittedBytesMax } = this.#state.settings
    const { total } = this.#uncommitted
    if (total > 0 && total + proposal.length > uncommittedBytesMax) return 'full'
    if (proposal instanceof Uint8Array) return this.#append('command', proposal, undefined)
    assert(proposal.term === this.#state.term, 'the driver numbers by the term of this leader')
    return this.#place(proposal, proposal.length)
  }

  /** Begins a change of membership; the index of its first entry, or why not. */
  changeMembership(change: MembershipChange): number | Refusal {
    const { membership, log, term } = this.#state
    if (this.#successor !== undefined) return 'handing-over'
    if (!membership.isSettled(log.committed)) return 'in-change'
    // Else a change of an earlier leader could come back and meet this one (Ongaro, raft-dev, July 2015).
    if (log.termAt(log.committed) !== term) return 'too-early'
    const { inForce } = membership
    if (change.learners.some(id => isVoter(inForce, id))) return 'not-caught-up'
    if (!change.voters.every(id => isVoter(inForce, id) || this.#hasCaughtUp(id))) return 'not-caught-up'
    return this.#configure(membership.begin(change))
  }

  /** Hands leadership to a voter as soon as it has the whole log (thesis 3.10). False if it cannot lead. */
  handOver(to: MemberId): boolean {
    if (to === this.#state.id || !isVoter(this.#state.membership.inForce, to)) return false
    this.#successor = to
    this.#ticksOfHandover = 0
    this.#finishHandover()
    return true
  }

  handleAppendResponse(response: AppendResponse): void {
    const progress = this.#replication.progressOf(response.from)
    if (progress === undefined) return
    if (this.#replication.noteAppendResponse(progress, response)) this.advanceCommit()
    if (response.from === this.#successor) this.#finishHandover()
  }

  handleHeartbeatResponse({ from, round }: HeartbeatResponse): void {
    const progress = this.#replication.progressOf(from)
    if (progress === undefined) return
    progress.noteHeartbeat(round)
    this.#replication.askAfterHeartbeat(from, progress)
    this.#settleReads()
  }

  /**
   * Commits what a quorum has stored. An entry of an earlier term is never committed by counting, only by one
   * of this term behind it (paper 5.4.2 and figure 8).
   */
  advanceCommit(): void {
    const { log, term, tracer } = this.#state
    const index = this.#replication.quorumIndex
    if (index <= log.committed || log.termAt(index) !== term) return
    log.commitTo(index)
    this.#uncommitted.noteCommitted(index)
    tracer?.event('Commit')
    this.#finishChange()
  }

  /** Everything that was not committed was taken back. */
  noteWithdrawn(): void {
    this.#uncommitted.clear()
  }

  /** Bytes of proposals that wait for their commitment. */
  get uncommittedBytes(): number {
    return this.#uncommitted.total
  }

  /** Sends what waited for the end of the turn. */
  flush(): void {
    this.#uncommitted.mark(this.#state.log.lastIndex)
    if (this.reads.wantsRound) this.#heartbeat()
    this.#replication.sendAll()
  }

  /** False if the leader must step down: it heard from no quorum for an election time (thesis 6.2). */
  tick(): boolean {
    const { electionTicks, heartbeatTicks } = this.#state.settings
    this.#ticksSinceQuorum += 1
    if (this.#ticksSinceQuorum >= electionTicks) {
      this.#ticksSinceQuorum = 0
      if (!this.#heardFromQuorum()) return false
    }
    if (this.#successor !== undefined) this.#tickHandover(electionTicks)
    this.#ticksSinceHeartbeat += 1
    if (this.#ticksSinceHeartbeat >= heartbeatTicks) this.#heartbeat()
    return true
  }

  /** True once the leader has committed a configuration without itself (paper, section 6). */
  get isRemoved(): boolean {
    const { membership, log, id } = this.#state
    return membership.isSettled(log.committed) && !isVoter(membership.inForce, id)
  }

  #append(kind: EntryKind, data: Uint8Array, configuration: Configuration | undefined): number {
    const { log, term } = this.#state
    return this.#place({ index: log.lastIndex + 1, term, kind, data, configuration }, data.length)
  }

  #place(entry: Entry, bytes: number): number {
    if (entry.kind !== 'configuration') this.#state.tracer?.event('Replicate')
    this.#state.append(entry)
    this.#uncommitted.add(bytes)
    return entry.index
  }

  #configure(configuration: Configuration): number {
    const index = this.#append('configuration', NO_BYTES, configuration)
    this.#replication.noteConfiguration()
    return index
  }

  /** A committed joint configuration is left at once (paper, section 6, figure 11). */
  #finishChange(): void {
    const { membership, log } = this.#state
    if (membership.inForceIndex > log.committed || !isJoint(membership.inForce)) return
    this.#configure(membership.end())
  }

  /** A new voter has the log already, so that it does not hold commitment up (thesis 4.2.1). */
  #hasCaughtUp(id: MemberId): boolean {
    const progress = this.#replication.progressOf(id)
    return progress?.state === 'replicate' && progress.matched >= this.#state.log.committed
  }

  #heardFromQuorum(): boolean {
    const { id: self, membership } = this.#state
    const heard = (id: MemberId): boolean => id === self || this.progressOf(id)?.isActive === true
    const isHeard = hasQuorum(membership.inForce, heard)
    for (const id of [...membership.inForce.voters, ...membership.inForce.outgoing]) {
      const progress = this.progressOf(id)
      if (progress !== undefined) progress.isActive = false
    }
    return isHeard
  }

  #heartbeat(): void {
    this.#ticksSinceHeartbeat = 0
    this.reads.begin()
    this.#replication.sendHeartbeats(this.reads.round)
    this.#settleReads()
  }

  #settleReads(): void {
    this.reads.settle(id => this.progressOf(id)?.answeredRound ?? 0)
  }

  /** The successor may stand when it has everything; its log then outdoes all others. */
  #finishHandover(): void {
    const to = this.#successor
    assert(to !== undefined, 'leadership is being handed over')
    if (this.progressOf(to)?.matched !== this.#state.log.lastIndex) return
    this.reads.forfeitLease()
    this.#state.send({ type: 'timeout-now', to })
  }

  /** A handover that takes longer than an election time failed: proposals are taken again (thesis 3.10). */
  #tickHandover(electionTicks: number): void {
    this.#ticksOfHandover += 1
    if (this.#ticksOfHandover >= electionTicks) this.#successor = undefined
  }
}
