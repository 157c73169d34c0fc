/**
 * What a method means. A write is prepared once, on the leader, into a plain command, and applied on every
 * replica; a read is answered from committed state. `apply` is synchronous and deterministic: it sees the
 * state, the command and its context, nothing else. It throws one `FsError` before it wrote anything; any
 * other throw stops the process.
 */
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { type Codec, record, text, u32, type ValueOf } from '@hopbine/common/wire/codec.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import type { CommandContext, Tx } from '../store/tx.ts'

/** What the leader may look at while it prepares: everything that replicas must not decide for themselves. */
export interface PrepareContext {
  /** Committed state, for looking only. */
  readonly state: Tx
  readonly principal: Principal
  /** Session that asks. */
  readonly clientId: string
  readonly openFiles: OpenFiles
  /** First of `count` ids that nobody else gets. */
  drawIds(count: number): number
  /** Chooses live datanodes for a new block, without those excluded; throws NO_DATANODE. */
  place(blockId: number, replication: number, exclude: readonly string[]): LocatedBlock
  /** Sessions with write leases that were silent past the soft limit. */
  silentSessions(): string[]
  /** Why the leader would not lease a directory now, whatever the state says; an empty reason: it would. */
  leaseRefusal(queueId: string, inodeId: number): LeaseRefusal
}

/** Which sessions have which inodes open, as far as they say. */
export interface OpenFiles {
  /** True while no session says what it has open, but for this one. */
  isNothing(besides: string): boolean
  /** A session besides this one that has the inode open, or ''. */
  holder(inodeId: number, besides: string): string
  /** The inodes below a directory that sessions besides this one have open, each with one of those. */
  within(slot: number, besides: string): { readonly inodeId: number; readonly owner: string }[]
  /** Newest inode that sessions besides this one have open; 0: none. */
  newest(besides: string): number
  /**
   * The write that is being prepared may take the last name of this inode; 0: of any. Who opens it from now
   * on waits until that is decided.
   */
  taking(inodeId: number): void
  /** Whether what the state says of names may be overtaken by writes that were proposed before. */
  readonly isBehind: boolean
}

export const leaseRefusal = record({
  /** Empty: not refused. */
  reason: text,
  /** When asking again makes sense, in milliseconds. */
  retryMs: u32,
})
export type LeaseRefusal = ValueOf<typeof leaseRefusal>

export interface QueryContext {
  readonly principal: Principal
  /** Where a block can be read, nearest first, with the right to read it. */
  locate(blockId: number, replication: number): LocatedBlock
  /** Tombstones set at or before this second may be dropped by datanodes. */
  droppableSince(): number
  /** Sums over the live datanodes. */
  disk(): { readonly capacityBytes: number; readonly freeBytes: number }
}

export interface WriteOperation<Req = unknown, Cmd = unknown, Res = unknown> {
  readonly method: Method<Req, Res>
  /** How the command is written into the log. Only ever gains fields. */
  readonly command: Codec<Cmd>
  /** Gives space or leases back: still served while the disk is too full for other writes. */
  readonly frees?: boolean
  prepare(request: Req, context: PrepareContext): Cmd
  apply(tx: Tx, context: CommandContext, command: Cmd): Res
}

export interface ReadOperation<Req = unknown, Res = unknown> {
  readonly method: Method<Req, Res>
  query(tx: Tx, request: Req, context: QueryContext): Res
  /**
   * Writes the answer itself, for operations that can do better than encode `query`; throws before it wrote.
   */
  respond?(tx: Tx, request: Req, context: QueryContext, writer: Writer): void
}

/** Lets the compiler infer the three types of a write from its row. */
export function write<Req, Cmd, Res>(operation: WriteOperation<Req, Cmd, Res>): WriteOperation {
  return operation
}

export function read<Req, Res>(operation: ReadOperation<Req, Res>): ReadOperation {
  return operation
}

/** A write whose command is its request: nothing to decide on the leader. */
export function plainWrite<Req, Res>(
  method: Method<Req, Res>,
  apply: (tx: Tx, context: CommandContext, request: Req) => Res,
  { frees = false } = {},
): WriteOperation {
  return write({ method, command: method.request, frees, prepare: request => request, apply })
}
