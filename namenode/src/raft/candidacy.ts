/** Elections: who asks for votes, who gives one, and who has won (paper 5.2 and 5.4.1, thesis 9.6). */
import { canStillWin, hasQuorum, isVoter, membersOf } from './configuration.ts'
import { isOutdoneBy, type MemberState } from './member-state.ts'
import { type MemberId, NOBODY, type VoteRequest } from './messages.ts'

export type ElectionResult = 'open' | 'won' | 'lost'

export class Candidacy {
  readonly #state: MemberState
  readonly isPre: boolean
  readonly #votes = new Map<MemberId, boolean>()

  constructor(state: MemberState, isPre: boolean) {
    this.#state = state
    this.isPre = isPre
  }

  /**
   * Asks every other voter. A pre-vote is about the next term and binds nobody, so it leaves at once; a
   * request for a real vote promises the candidate's own, so it waits for the disk.
   */
  ask(isTransfer: boolean): void {
    const { log, membership, id, term } = this.#state
    const { lastIndex, lastTerm } = log
    for (const to of membersOf(membership.inForce)) {
      if (to === id || !isVoter(membership.inForce, to)) continue
      const request = { type: 'vote-request', to, pre: this.isPre, lastIndex, lastTerm, isTransfer } as const
      if (this.isPre) this.#state.send(request, term + 1)
      else this.#state.promise(request)
    }
  }

  record(from: MemberId, granted: boolean): ElectionResult {
    if (!this.#votes.has(from)) this.#votes.set(from, granted)
    const { inForce } = this.#state.membership
    if (hasQuorum(inForce, id => this.#votes.get(id) === true)) return 'won'
    return canStillWin(inForce, id => this.#votes.get(id) === false) ? 'open' : 'lost'
  }
}

/**
 * True if this member gives its vote. It does so once a term, to a candidate whose log holds everything that
 * this log may have committed. A pre-vote for a later term is given whatever was voted before.
 */
export function grantsVote(state: MemberState, request: VoteRequest): boolean {
  // Who knows of no group was not asked to join one, or forgot that it did and how it voted there.
  if (membersOf(state.membership.inForce).length === 0) return false
  if (!state.log.isOutdone(request.lastIndex, request.lastTerm)) return false
  const { promised } = state
  if (promised !== undefined && !isOutdoneBy(promised, request.lastIndex, request.lastTerm)) return false
  if (request.pre && request.term > state.term) return true
  return state.vote === request.from || (state.vote === NOBODY && state.leader === NOBODY)
}
