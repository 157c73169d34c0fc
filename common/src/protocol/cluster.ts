/** The namenode's methods for datanodes and for operators. All need a superuser's connection. */
import { bytes, flag, int, list, nothing, record, text, u16, u32 } from '../wire/codec.ts'
import { type Method, method } from './method.ts'
import { locatedBlock } from './types.ts'

/** A placed block, as tombstones and checks name it. */
export const placedBlock = record({ blockId: int, group: u32 })

/** Introduces a datanode, or tells its new address. The answer holds what it needs to check capabilities. */
export const registerDatanode = method(
  60,
  'registerDatanode',
  'write',
  1,
  record({ nodeId: text, host: text, port: u16, rack: text }),
  record({ clusterId: text, capabilityKey: bytes }),
)
/**
 * Sent every few seconds. `badBlocks` were found corrupt since the last one. `tombstones` in the answer are
 * blocks that may be dropped after `liveBlocks` has confirmed it; `capabilityEpoch` is the lowest epoch still
 * valid; `rewrites` are files that this datanode shall rewrite, which it tells as `rewriting` until it is
 * done.
 */
export const heartbeat = method(
  61,
  'heartbeat',
  'session',
  1,
  record({
    nodeId: text,
    capacityBytes: int,
    freeBytes: int,
    blocks: int,
    badBlocks: list(int),
    /** The datanode refuses new blocks for lack of space. */
    full: flag,
    /** Inodes that it rewrites, or will when their turn comes. */
    rewriting: list(int),
  }),
  record({
    tombstones: list(placedBlock),
    capabilityEpoch: u32,
    rewrites: list(record({ inodeId: int })),
  }),
)
/** The datanode has dropped these blocks. */
export const confirmTombstones = method(
  62,
  'confirmTombstones',
  'write',
  1,
  record({ nodeId: text, blockIds: list(int) }),
  nothing,
)
/**
 * Which of these blocks still live (are referenced, open, or tombstoned but held): one flag per id, in order.
 */
export const liveBlocks = method(
  63,
  'liveBlocks',
  'read',
  1,
  record({ blockIds: list(int) }),
  record({ live: list(flag) }),
)

const datanodeReport = record({
  nodeId: text,
  host: text,
  port: u16,
  rack: text,
  /** Milliseconds since its last heartbeat; -1: none since this namenode started. */
  silentMs: int,
  capacityBytes: int,
  freeBytes: int,
  blocks: int,
  badBlocks: int,
  full: flag,
})

export const status = method(
  70,
  'status',
  'session',
  1,
  nothing,
  record({
    clusterId: text,
    shard: u16,
    term: int,
    /** Index of the last applied entry, and of the last one that the store's own disk files hold. */
    appliedIndex: int,
    durableIndex: int,
    files: int,
    directories: int,
    bytes: int,
    diskBytes: int,
    sessions: int,
    openFiles: int,
    /** Entries of removed trees that wait for reclaim. */
    reclaimPending: int,
    tombstones: int,
    logBytes: int,
    storeBytes: int,
    residentBytes: int,
    /** Empty, or why writes are refused. */
    readOnlyReason: text,
    datanodes: list(datanodeReport),
    fsyncs: int,
    cpuMicros: int,
    uptimeMs: int,
    /** Files that wait to be rewritten, or are being rewritten, because much of their blocks is dead. */
    rewritesPending: int,
    /** Directory leases; counts of what happened are since the start. */
    leases: record({
      held: int,
      queues: int,
      recalls: int,
      revoked: int,
      /** Requests that wait now, and that had to. */
      waiting: int,
      waits: int,
      waitP50Ms: int,
      waitP99Ms: int,
    }),
  }),
)

/**
 * Checks totals, foreign keys, the packed table and extents; `repair` rewrites wrong totals. One line per
 * problem.
 */
export const fsck = method(
  71,
  'fsck',
  'write',
  1,
  record({ repair: flag }),
  record({
    problems: list(text),
    repaired: int,
    files: int,
    directories: int,
    blocks: int,
  }),
)
/**
 * Blocks in order of id after `after`, for comparison with the datanodes. `length`: bytes that extents need
 * of it.
 */
export const listBlocks = method(
  72,
  'listBlocks',
  'read',
  1,
  record({ after: int, max: u32 }),
  record({
    blocks: list(record({ blockId: int, group: u32, inodeId: int, length: int, open: flag })),
    more: flag,
  }),
)
/** Makes a consistent copy of the store on the server and opens it for `backupRead`. */
export const backupBegin = method(
  73,
  'backupBegin',
  'session',
  1,
  nothing,
  record({ backupId: text, sizeBytes: int, index: int }),
)
export const backupRead = method(
  74,
  'backupRead',
  'session',
  1,
  record({ backupId: text, offset: int, length: u32 }),
  record({ data: bytes }),
)
export const backupEnd = method(75, 'backupEnd', 'session', 1, record({ backupId: text }), nothing)
/** The right to list the blocks of datanodes, for a minute; datanodes check it. */
export const adminCapability = method(
  76,
  'adminCapability',
  'session',
  1,
  nothing,
  record({ capability: bytes }),
)
/**
 * A new block for the bytes of a closed file that shall lie together. It is held like a dropped block until
 * `finishRewrite` makes use of it, so one that is never used goes by itself. LEASE_CONFLICT when the file is
 * open.
 */
export const beginRewrite = method(
  77,
  'beginRewrite',
  'write',
  1,
  record({ inodeId: int }),
  record({ block: locatedBlock }),
)
/**
 * The bytes of `[start, end)` lie in the block from `blockOffset` on, in the file's order and without its
 * holes, on disk at every member. Nothing is done, and `done` is false, when the file was opened or removed,
 * or when the extents of the range are no longer those of the digest.
 */
export const finishRewrite = method(
  78,
  'finishRewrite',
  'write',
  1,
  record({ inodeId: int, start: int, end: int, digest: bytes, blockId: int, blockOffset: int }),
  record({ done: flag }),
)
/** Blocks of a file of which more than half is dead; of very many the first thousands. */
export const sparseBlocks = method(
  79,
  'sparseBlocks',
  'read',
  1,
  record({ inodeId: int }),
  record({ blockIds: list(int) }),
)

export const CLUSTER_METHODS: readonly Method<unknown, unknown>[] = [
  registerDatanode,
  heartbeat,
  confirmTombstones,
  liveBlocks,
  status,
  fsck,
  listBlocks,
  backupBegin,
  backupRead,
  backupEnd,
  adminCapability,
  beginRewrite,
  finishRewrite,
  sparseBlocks,
]
