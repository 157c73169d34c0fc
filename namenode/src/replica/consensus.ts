/**
 * How a replica asks for an order of entries, whoever agrees on it. A shard is a Raft group from the first
 * day; a group of one voter commits when its own disk has the entry.
 */
import type { FsError } from '@hopbine/common/base/errors.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import type { MemberId } from '../raft/messages.ts'

export interface Consensus {
  /** Term of this leader. */
  readonly term: number
  /** Proposals not yet committed. */
  readonly pending: number
  /** Bytes of these proposals. */
  readonly pendingBytes: number
  /** Puts an entry into the next group commit and returns its index. */
  propose(encode: (writer: Writer) => void): number
}

export interface ConsensusEvents {
  /** Every entry up to this index is durable on a majority, in this order, for ever. */
  onCommitted(index: number): void
  /** Entries from this index on were not written and never will be; their indexes are used again. */
  onRefused(fromIndex: number, error: FsError): void
  /** This member leads, and everything that earlier leaders committed is committed here: it may serve. */
  onLeading?(): void
  /** What the log here lacks the leader's has forgotten: only its state helps. Told again and again. */
  onSnapshotNeeded?(leader: MemberId): void
  /** Entries wait for room on the disk. */
  onWaiting?(error: FsError): void
  /** This member led and leads no more: what it proposed may yet be committed, by whoever leads now. */
  onDeposed?(leader: MemberId): void
  /** The disk failed in a way after which nothing may be trusted: the process must stop. */
  onFailed(error: Error): void
}
