/** Lets another voter lead, and waits until it does. */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { MemberId } from '../raft/messages.ts'
import type { Replica } from '../replica/replica.ts'

/** How long another member may take to lead, in milliseconds. */
const HAND_OVER_MS = 1_000
const LOOK_MS = 10

/**
 * Resolves when this replica leads no more. Throws INVALID_ARGUMENT for a member that cannot lead, TIMED_OUT
 * if it did not take over: then this one goes on.
 */
export async function handOver(replica: Replica, to: MemberId): Promise<void> {
  if (!replica.handOver(to)) throw new FsError('INVALID_ARGUMENT', `${to} is no other voter of this group`)
  const deadline = performance.now() + HAND_OVER_MS
  while (replica.isLeader) {
    if (performance.now() > deadline) throw new FsError('TIMED_OUT', `member ${to} did not take over`)
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}
