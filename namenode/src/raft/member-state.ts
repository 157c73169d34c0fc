/**
 * What all parts of one core share: who it is, its term and vote, its log and configuration, and the messages
 * that wait to leave. The roles (`follower.ts`, `candidacy.ts`, `leadership.ts`) act on it; only the core
 * changes roles.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Membership } from './membership.ts'
import {
  type Entry,
  type HardState,
  type LogEnd,
  type MemberId,
  type Message,
  NOBODY,
  type Unsigned,
} from './messages.ts'
import type { RaftLog } from './raft-log.ts'
import type { Settings } from './settings.ts'
import type { Tracer } from './trace.ts'

/** A read that may be served once the entry at `index` is applied. */
export interface ConfirmedRead {
  readonly token: number
  readonly index: number
}

/** What leaves with a Ready. */
export interface Output {
  readonly messages: readonly Message[]
  readonly promises: readonly Message[]
  readonly reads: readonly ConfirmedRead[]
  readonly droppedReads: readonly number[]
}

export interface MemberStateOptions {
  readonly id: MemberId
  readonly settings: Settings
  readonly log: RaftLog
  readonly membership: Membership
  readonly tracer: Tracer | undefined
  readonly term: number
  readonly vote: MemberId
  readonly promised: LogEnd | undefined
}

export class MemberState {
  readonly id: MemberId
  readonly settings: Settings
  readonly log: RaftLog
  readonly membership: Membership
  readonly tracer: Tracer | undefined
  #term: number
  #vote: MemberId
  #promised: LogEnd | undefined
  /** The last entry that a leader of this term knows to be the same here. */
  verified = 0
  /** The leader of this term as far as known. */
  leader: MemberId = NOBODY
  /** Milliseconds on the driver's clock at its last call that named them. */
  nowMs = 0
  /** Messages that may leave at once. */
  #messages: Message[] = []
  /** Messages that promise something: they leave when the disk holds what they promise. */
  #promises: Message[] = []
  #confirmedReads: ConfirmedRead[] = []
  #droppedReads: number[] = []

  constructor({ id, settings, log, membership, tracer, term, vote, promised }: MemberStateOptions) {
    this.id = id
    this.settings = settings
    this.log = log
    this.membership = membership
    this.tracer = tracer
    this.#promised = promised
    this.#term = term
    this.#vote = vote
  }

  get term(): number {
    return this.#term
  }

  get vote(): MemberId {
    return this.#vote
  }

  get hardState(): HardState {
    const stored = { term: this.#term, vote: this.#vote, commit: this.log.appliable }
    return this.#promised === undefined ? stored : { ...stored, promised: this.#promised }
  }

  /** What was acknowledged and lost; see `HardState`. */
  get promised(): LogEnd | undefined {
    return this.#promised
  }

  /** A log that outdoes the lost one holds all of it that was committed (paper 5.4.1). */
  settlePromise(): void {
    const index = this.log.savedIndex
    const term = this.log.termAt(index) ?? 0
    if (this.#promised !== undefined && !isOutdoneBy(this.#promised, index, term)) return
    this.#promised = undefined
  }

  get hasOutput(): boolean {
    const { length } = this.#messages
    return length + this.#promises.length + this.#confirmedReads.length + this.#droppedReads.length > 0
  }

  /** A higher term begins without a vote (paper, figure 2). */
  enterTerm(term: number): void {
    assert(term > this.#term, 'terms never go back')
    this.#term = term
    this.#vote = NOBODY
    this.verified = 0
  }

  voteFor(candidate: MemberId): void {
    assert(this.#vote === NOBODY || this.#vote === candidate, 'one vote a term')
    this.#vote = candidate
  }

  /** Puts an entry into the log, and a configuration in force. */
  append(entry: Entry): void {
    this.log.append(entry)
    this.membership.noteAppended(entry)
  }

  /** Takes entries out of the log, and configurations out of force. */
  truncate(index: number): void {
    this.log.truncate(index)
    this.membership.noteTruncated(index)
  }

  /** Sends at once, whatever the disk does: for what promises nothing. */
  send(message: Unsigned, term = this.#term): void {
    this.#messages.push(this.#signed(message, term))
  }

  /** Sends when everything up to now is stored. */
  promise(message: Unsigned, term = this.#term): void {
    this.#promises.push(this.#signed(message, term))
  }

  confirmRead(read: ConfirmedRead): void {
    this.#confirmedReads.push(read)
  }

  /** A read will not be confirmed any more: its caller asks again. */
  dropRead(token: number): void {
    this.#droppedReads.push(token)
  }

  /** What waits to leave; it is the caller's now. */
  takeOutput(): Output {
    const output = {
      messages: this.#messages,
      promises: this.#promises,
      reads: this.#confirmedReads,
      droppedReads: this.#droppedReads,
    }
    this.#messages = []
    this.#promises = []
    this.#confirmedReads = []
    this.#droppedReads = []
    return output
  }

  #signed(message: Unsigned, term: number): Message {
    const signed = { ...message, from: this.id, term } as Message
    this.tracer?.sent(signed)
    return signed
  }
}

/** True for a log that ends so if it may stand in for one that ends like `end`. */
export function isOutdoneBy(end: LogEnd, lastIndex: number, lastTerm: number): boolean {
  return lastTerm > end.term || (lastTerm === end.term && lastIndex >= end.index)
}
