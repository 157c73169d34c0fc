/**
 * Who belongs to a group, and the arithmetic of majorities over it. While a change of voters is under way the
 * configuration is joint: every decision needs a majority of the new and one of the old voters (paper,
 * section 6).
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { MemberId } from './messages.ts'

export interface Configuration {
  /** Sorted, without repeats, like the other lists. */
  readonly voters: readonly MemberId[]
  /** The voters that are being replaced; empty unless the configuration is joint. */
  readonly outgoing: readonly MemberId[]
  /** Get the log and have no vote (thesis 4.2.1); never voters of either kind. */
  readonly learners: readonly MemberId[]
}

export const NO_MEMBERS: Configuration = { voters: [], outgoing: [], learners: [] }

/** A configuration in order; throws if a member has two parts in it. */
export function makeConfiguration(
  voters: readonly MemberId[],
  learners: readonly MemberId[] = [],
  outgoing: readonly MemberId[] = [],
): Configuration {
  const made = { voters: sorted(voters), outgoing: sorted(outgoing), learners: sorted(learners) }
  assert(!made.learners.some(id => isVoter(made, id)), 'a member is a voter or a learner, not both')
  return made
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0
}

/** True for voters of the new and of the old set. */
export function isVoter({ voters, outgoing }: Configuration, id: MemberId): boolean {
  return voters.includes(id) || outgoing.includes(id)
}

/** Everybody whom the leader sends its log to, itself included, sorted. */
export function membersOf({ voters, outgoing, learners }: Configuration): MemberId[] {
  return sorted([...voters, ...outgoing, ...learners])
}

export function sameMembers(a: readonly MemberId[], b: readonly MemberId[]): boolean {
  return a.length === b.length && a.every((id, position) => id === b[position])
}

/** True if those for whom `has` holds can decide: a majority of each set of voters. */
export function hasQuorum({ voters, outgoing }: Configuration, has: (id: MemberId) => boolean): boolean {
  return hasMajority(voters, has) && (outgoing.length === 0 || hasMajority(outgoing, has))
}

/** False once so many voters refused that the rest cannot decide any more. */
export function canStillWin(
  { voters, outgoing }: Configuration,
  refused: (id: MemberId) => boolean,
): boolean {
  const hopes = (id: MemberId): boolean => !refused(id)
  return hasMajority(voters, hopes) && (outgoing.length === 0 || hasMajority(outgoing, hopes))
}

/** The highest number that a quorum has reached; 0 if there are no voters. */
export function quorumReached({ voters, outgoing }: Configuration, of: (id: MemberId) => number): number {
  const reached = majorityReached(voters, of)
  return outgoing.length === 0 ? reached : Math.min(reached, majorityReached(outgoing, of))
}

/** More than half; of nobody there is none. */
function hasMajority(ids: readonly MemberId[], has: (id: MemberId) => boolean): boolean {
  let count = 0
  for (const id of ids) if (has(id)) count += 1
  return count * 2 > ids.length
}

function majorityReached(ids: readonly MemberId[], of: (id: MemberId) => number): number {
  const [only] = ids
  if (only === undefined) return 0
  if (ids.length === 1) return of(only)
  const descending = ids.map(of).sort((a, b) => b - a)
  return descending[Math.floor(ids.length / 2)] as number
}

function sorted(ids: readonly MemberId[]): MemberId[] {
  return [...new Set(ids)].sort((a, b) => a - b)
}
