/** The bounds of one core. Times are counted in ticks, which the driver makes. */
import { assert } from '@hopbine/common/base/assert.ts'

export interface Settings {
  /**
   * A follower that heard nothing from a leader for so many ticks stands for election, after a random delay
   * of up to as many again (paper 5.2). A leader that heard from no quorum for so long steps down. At least
   * three heartbeats, so that two may be lost.
   */
  readonly electionTicks: number
  /** A leader makes itself heard every so many ticks. */
  readonly heartbeatTicks: number
  /**
   * 1 is usual. A member of priority 0 never stands on its own; one of a lower priority than 1 but above 0
   * waits longer before it does, so that the others come first: `1 / priority` election times.
   */
  readonly priority: number
  /** Append messages to one follower that are not yet answered; further entries wait. */
  readonly inFlightMessagesMax: number
  /** Bytes of such messages; a single larger one passes. */
  readonly inFlightBytesMax: number
  /** Bytes of entries in one message; a single larger entry passes. */
  readonly messageBytesMax: number
  /** Bytes of proposals not yet committed; more are refused. A single larger one passes. */
  readonly uncommittedBytesMax: number
  /**
   * A member whose disk has not finished a write for so many ticks leads no more and does not stand for
   * election: what it would promise waits for that disk, and so would the whole group.
   */
  readonly diskTicks: number
  /**
   * Entries before the last applied one that stay when the log is compacted, so that a member which was away
   * for a short time needs no snapshot. 0 for a driver that bounds the tail otherwise, by bytes say.
   */
  readonly keptEntries: number
  /** Reads waiting for their confirmation; more are refused. */
  readonly readsMax: number
  /**
   * 0: every read is confirmed by a round of heartbeats. Else the leader also serves reads for so many
   * milliseconds after the start of its last confirmed round, on the clock that the driver passes in
   * (thesis 6.4.1). Must be less, on the slowest clock of the group, than `electionTicks - 1` ticks on the
   * fastest: the first tick after a heartbeat may come at once.
   */
  readonly leaseMs: number
}

export const DEFAULT_SETTINGS: Settings = {
  electionTicks: 10,
  heartbeatTicks: 1,
  priority: 1,
  inFlightMessagesMax: 64,
  inFlightBytesMax: 16 * 1024 * 1024,
  messageBytesMax: 1024 * 1024,
  uncommittedBytesMax: 128 * 1024 * 1024,
  diskTicks: 40,
  keptEntries: 0,
  readsMax: 65_536,
  leaseMs: 0,
}

export function checkSettings(settings: Settings): void {
  const { electionTicks, heartbeatTicks, priority } = settings
  assert(heartbeatTicks >= 1, 'a heartbeat takes at least a tick')
  assert(electionTicks >= 3 * heartbeatTicks, 'two lost heartbeats are no reason for an election')
  assert(priority >= 0 && priority <= 1, 'a priority lies between 0 and 1')
  assert(settings.diskTicks >= 1 && settings.keptEntries >= 0, 'a bound of time, a number of entries')
  assert(settings.inFlightMessagesMax >= 1 && settings.messageBytesMax >= 1, 'something may be in flight')
}
