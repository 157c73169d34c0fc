/** What a member does that is not the leader: it takes the leader's log, commit index and snapshots. */

import type { MemberState } from './member-state.ts'
import type {
  Append,
  AppendResponse,
  Heartbeat,
  InstallSnapshot,
  MemberId,
  SnapshotFacts,
  Unsigned,
} from './messages.ts'

/**
 * Takes entries that follow a place where the logs agree (paper, figure 2, AppendEntries, rules 2 to 5). What
 * it accepts it promises: the answer leaves when the entries are stored.
 */
export function acceptAppend(state: MemberState, message: Append): void {
  const { log } = state
  const { from, prevIndex, prevTerm, entries } = message
  if (prevIndex < log.committed) return accept(state, from, log.committed)
  if (!log.matches(prevIndex, prevTerm)) return refuse(state, message)
  const first = log.firstNew(entries)
  if (first !== undefined) {
    // Only a conflict takes entries away: an old message must not undo what a later one brought.
    if (first.index <= log.lastIndex) state.truncate(first.index)
    for (const entry of entries.slice(first.index - prevIndex - 1)) state.append(entry)
  }
  const lastKnown = prevIndex + entries.length
  // What follows `lastKnown` may still differ from the leader's log, whatever it has committed.
  log.commitTo(Math.min(message.commit, lastKnown))
  accept(state, from, lastKnown)
}

/**
 * The leader only tells what it knows to be stored here; if this member lost some of that, it says so until
 * the leader has brought it again.
 */
export function acceptHeartbeat(state: MemberState, { from, commit, round }: Heartbeat): void {
  const { log, promised } = state
  log.commitTo(promised === undefined ? commit : Math.min(commit, state.verified))
  if (promised !== undefined) {
    const { lastIndex: hintIndex, lastTerm: hintTerm } = log
    state.send({ ...answerTo(from, 0), accepted: false, hintIndex, hintTerm, hasLost: true })
  }
  // It promises nothing that the disk must hold, so it never waits for the disk.
  state.send({ type: 'heartbeat-response', to: from, round })
}

/** Returns the snapshot if the state machine must be replaced by it (paper, section 7, figure 13). */
export function acceptSnapshot(state: MemberState, message: InstallSnapshot): SnapshotFacts | undefined {
  const { log, membership } = state
  const { from, snapshot } = message
  const { index, term, configuration } = snapshot
  const isBehind = index > log.committed && !log.matches(index, term)
  if (isBehind) {
    log.restore(snapshot)
    membership.restore({ index, configuration })
  } else {
    // The log leads there as well, so it is kept with what follows.
    log.commitTo(index)
  }
  accept(state, from, log.committed)
  return isBehind ? snapshot : undefined
}

function accept(state: MemberState, to: MemberId, index: number): void {
  state.verified = Math.max(state.verified, index)
  state.promise(answerTo(to, index))
}

function answerTo(to: MemberId, index: number): Unsigned<AppendResponse> {
  return { type: 'append-response', to, accepted: true, index, hintIndex: 0, hintTerm: 0, hasLost: false }
}

/** The hint passes over every entry of a later term than the leader's at that place: they cannot match. */
function refuse(state: MemberState, { from, prevIndex, prevTerm }: Append): void {
  const hintIndex = state.log.lastWithin(prevIndex, prevTerm)
  const hintTerm = state.log.termAt(hintIndex) ?? 0
  const hasLost = state.promised !== undefined
  state.send({ ...answerTo(from, prevIndex), accepted: false, hintIndex, hintTerm, hasLost })
}
