/**
 * Linearizable reads without a log entry (thesis 6.4). A read takes the commit index of a leader that has
 * committed an entry of its own term; then a round of heartbeats, begun after the read came, must be answered
 * by a quorum: it proves that no later leader had committed anything by then. All reads that come while a
 * round is under way share the next one.
 *
 * The round's start also begins the leader's lease: no voter that answered it helps to elect another leader
 * for an election time after it got the heartbeat (thesis 6.4.1).
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { quorumReached } from './configuration.ts'
import type { MemberState } from './member-state.ts'
import { type MemberId, NOBODY } from './messages.ts'

interface WaitingRead {
  readonly token: number
  /** Who asked; NOBODY for the leader's own caller. */
  readonly origin: MemberId
}

interface Round {
  readonly number: number
  /** At most the moment when its heartbeats left. */
  readonly startedMs: number
  readonly index: number
  readonly reads: readonly WaitingRead[]
}

export class Reads {
  readonly #state: MemberState
  readonly #waiting: WaitingRead[] = []
  readonly #rounds: Round[] = []
  #count = 0
  #lastRound = 0
  #leaseEndMs = Number.NEGATIVE_INFINITY
  /** A successor was asked to stand: from now on no lease speaks against its election. */
  #isLeaseForfeit = false

  constructor(state: MemberState) {
    this.#state = state
  }

  /** Number of the round that heartbeats carry now. */
  get round(): number {
    return this.#lastRound
  }

  /** False if too many wait already. */
  add(token: number, origin: MemberId): boolean {
    if (this.#hasLease) {
      this.#confirm({ token, origin }, this.#state.log.committed)
      return true
    }
    if (this.#count >= this.#state.settings.readsMax) return false
    this.#count += 1
    this.#waiting.push({ token, origin })
    return true
  }

  /** True if reads wait for a round that could begin now. */
  get wantsRound(): boolean {
    if (this.#waiting.length === 0 || !this.#isCurrent) return false
    return !this.#rounds.some(({ reads }) => reads.length > 0)
  }

  /** Begins a round; the caller sends its heartbeats. */
  begin(): void {
    const reads = this.#isCurrent ? this.#waiting.splice(0) : []
    this.#lastRound += 1
    const { log, nowMs } = this.#state
    this.#rounds.push({ number: this.#lastRound, startedMs: nowMs, index: log.committed, reads })
  }

  /** Looks which rounds a quorum has answered. */
  settle(answeredBy: (id: MemberId) => number): void {
    if (this.#rounds.length === 0) return
    const { id: self, membership, settings } = this.#state
    const of = (id: MemberId): number => (id === self ? this.#lastRound : answeredBy(id))
    const reached = quorumReached(membership.inForce, of)
    while ((this.#rounds[0]?.number ?? Number.POSITIVE_INFINITY) <= reached) {
      const { startedMs, index, reads } = this.#rounds.shift() as Round
      this.#leaseEndMs = startedMs + settings.leaseMs
      this.#count -= reads.length
      for (const read of reads) this.#confirm(read, index)
    }
  }

  forfeitLease(): void {
    this.#isLeaseForfeit = true
  }

  /** The leader is none any more: its own callers must ask again. */
  drop(): void {
    const all = [...this.#rounds.flatMap(({ reads }) => reads), ...this.#waiting]
    for (const { token, origin } of all) if (origin === NOBODY) this.#state.dropRead(token)
  }

  /**
   * Only when an entry of its own term is committed does a leader know everything that is (thesis 6.4, step
   * 1; paper, section 8).
   */
  get #isCurrent(): boolean {
    const { log, term } = this.#state
    return log.termAt(log.committed) === term
  }

  get #hasLease(): boolean {
    const { settings, nowMs } = this.#state
    if (settings.leaseMs === 0 || this.#isLeaseForfeit || !this.#isCurrent) return false
    return nowMs < this.#leaseEndMs
  }

  #confirm({ token, origin }: WaitingRead, index: number): void {
    assert(index >= 0, 'a read waits for an entry or for none')
    if (origin === NOBODY) this.#state.confirmRead({ token, index })
    else this.#state.send({ type: 'read-response', to: origin, token, index })
  }
}
