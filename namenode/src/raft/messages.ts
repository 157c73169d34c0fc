/**
 * What members of a group tell each other, and what stands in their logs. Plain values: the driver encodes,
 * sends and stores them. References: "paper" is Ongaro and Ousterhout, In Search of an Understandable
 * Consensus Algorithm (extended version, 2014); "thesis" is Ongaro, Consensus: Bridging Theory and Practice
 * (2014).
 */
import type { Configuration } from './configuration.ts'

/** A positive integer that is never used again: a member that lost its disk comes back under a new one. */
export type MemberId = number

/** Stands for no member: no vote given, no leader known. */
export const NOBODY: MemberId = 0

export type EntryKind = 'command' | 'noop' | 'configuration'

export interface Entry {
  readonly index: number
  readonly term: number
  readonly kind: EntryKind
  /** Opaque to Raft; empty unless `kind` is `command`. */
  readonly data: Uint8Array
  /** Set if `kind` is `configuration`. */
  readonly configuration: Configuration | undefined
}

/** A command to put into the log: its bytes, or an entry that the driver made and numbered itself. */
export type Proposal = Uint8Array | (Entry & { readonly length: number })

/** What a member must find again after a crash, besides its log (paper, figure 2, persistent state). */
export interface HardState {
  readonly term: number
  readonly vote: MemberId
  /**
   * Only saves a restart some waiting: it may be stored late or never, and is never higher than the stored
   * log.
   */
  readonly commit: number
  /**
   * Where the log ended that this member acknowledged before its disk lost a part of it. As long as it is
   * there the member votes for nobody whose log ends earlier, and does not stand: so what was committed with
   * its word stays, and comes back from the others (Alagappan et al., FAST 2018).
   */
  readonly promised?: LogEnd
}

export interface LogEnd {
  readonly index: number
  readonly term: number
}

/** What a snapshot stands for: the state after entry `index` (paper, section 7). */
export interface SnapshotFacts {
  readonly index: number
  readonly term: number
  readonly configuration: Configuration
}

interface Addressed {
  readonly from: MemberId
  readonly to: MemberId
  /** Term of the sender; of a pre-vote that asks or grants, the term of the election it is about. */
  readonly term: number
}

export interface VoteRequest extends Addressed {
  readonly type: 'vote-request'
  /** A pre-vote asks whether an election could be won, and changes nothing (thesis 9.6). */
  readonly pre: boolean
  readonly lastIndex: number
  readonly lastTerm: number
  /** The leader itself asked for this election, so its presence does not speak against it (thesis 4.2.3). */
  readonly isTransfer: boolean
}

export interface VoteResponse extends Addressed {
  readonly type: 'vote-response'
  readonly pre: boolean
  readonly granted: boolean
}

export interface Append extends Addressed {
  readonly type: 'append'
  readonly prevIndex: number
  readonly prevTerm: number
  /** Follow `prevIndex` without a gap; may be empty, to ask or to tell the commit index. */
  readonly entries: readonly Entry[]
  readonly commit: number
}

export interface AppendResponse extends Addressed {
  readonly type: 'append-response'
  readonly accepted: boolean
  /** Accepted: the logs agree up to here. Refused: the `prevIndex` that did not match. */
  readonly index: number
  /** Refused: the last place where the logs can agree, as far as the follower knows. */
  readonly hintIndex: number
  readonly hintTerm: number
  /** Its disk lost a part of what it acknowledged: it counts no further than `hintIndex`. */
  readonly hasLost: boolean
}

export interface Heartbeat extends Addressed {
  readonly type: 'heartbeat'
  readonly commit: number
  /** Number of the leader's last round of confirmation; see `reads.ts`. */
  readonly round: number
}

export interface HeartbeatResponse extends Addressed {
  readonly type: 'heartbeat-response'
  readonly round: number
}

/** The driver streams the snapshot itself and steps this when the whole of it is durable at the follower. */
export interface InstallSnapshot extends Addressed {
  readonly type: 'snapshot'
  readonly snapshot: SnapshotFacts
}

/** "Stand for election now": how leadership is handed over (thesis 3.10). */
export interface TimeoutNow extends Addressed {
  readonly type: 'timeout-now'
}

/** A follower asks for an index at which it may serve a linearizable read (thesis 6.4). */
export interface ReadRequest extends Addressed {
  readonly type: 'read-request'
  readonly token: number
}

export interface ReadResponse extends Addressed {
  readonly type: 'read-response'
  readonly token: number
  readonly index: number
}

export type Message =
  | VoteRequest
  | VoteResponse
  | Append
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | InstallSnapshot
  | TimeoutNow
  | ReadRequest
  | ReadResponse

/** A message before the core has put on it who sends it in which term. */
export type Unsigned<M extends Message = Message> = M extends Message ? Omit<M, 'from' | 'term'> : never
