/**
 * Directory leases: a mount that is the only user of a directory answers for it locally and hands its
 * operations in later, in batches. What holds leases is a queue: a total order of operations numbered from 1,
 * each applied once, whichever session sends it.
 */
import {
  bytes,
  flag,
  int,
  list,
  nothing,
  optional,
  record,
  text,
  u16,
  u32,
  type ValueOf,
} from '../wire/codec.ts'
import { type Method, method } from './method.ts'
import { failure, fileStatus } from './types.ts'

/** A queue keeps its leases that long after its last word that was heard, in milliseconds. */
export const LEASE_TERM_MS = 30_000
/** What the server waits beyond the term, for clocks that run differently, in milliseconds. */
export const LEASE_DRIFT_MS = 3_000
/** How long a queue that is heard may take to give a recalled lease back, in milliseconds. */
export const RECALL_MS_MAX = 30_000
/** Directories that one queue may hold. */
export const LEASES_MAX = 16_384
/** Entries that a directory may have to be leased. */
export const LEASE_ENTRIES_MAX = 16_384
/** Operations in one batch. */
export const BATCH_OPERATIONS_MAX = 512
/** Inode ids that may be asked for at once. */
export const IDS_MAX = 65_536

/** Names that a queue gets set aside when it begins to hold directories below a quota, if there is room. */
export const RESERVE_NAMES = 8192
/** Bytes, with their copies. */
export const RESERVE_DISK_BYTES = 64 * 1024 * 1024

/** Makes a queue known. `queueId`: 32 hexadecimal digits that its owner drew. Superusers only. */
export const openQueue = method(50, 'openQueue', 'write', 1, record({ queueId: text }), nothing)

/**
 * Asks for the lease of a directory. When granted, `entries` is everything in it, and `firstId` begins a
 * range of `ids` inode ids for the queue. Otherwise `reason` says why not, and asking again makes sense after
 * `retryMs`.
 */
export const acquireDirectory = method(
  51,
  'acquireDirectory',
  'write',
  1,
  record({ queueId: text, inodeId: int, ids: u32 }),
  record({
    granted: flag,
    reason: text,
    retryMs: u32,
    status: fileStatus,
    entries: list(fileStatus),
    firstId: int,
    ids: u32,
    /** Nearest directory with a quota, at or above; 0: none. */
    quotaRoot: int,
    /**
     * What the queue may add below that directory without asking, in names and in bytes with their copies.
     * 0 if it holds others there: its batches tell what is left.
     */
    names: int,
    diskBytes: int,
  }),
)

/**
 * One step of a queue: a write method and its request. Its paths are `/.reserved/.inodes/ID/NAME` (for a
 * change of attributes also without NAME), and every directory whose entries it changes is leased to the
 * queue; an inode with several names shows in several directories, and all of these must be.
 *
 * Allowed: mkdir (the directory is leased from birth), create (without parents), symlink, mknod, link,
 * rename, remove (no tree), chmod, chown, utimes, writeInline, releaseDirectory. Each of the first five takes
 * an id.
 */
export const queuedOperation = record({
  method: u16,
  /** Index into the batch's principals. */
  principal: u16,
  /** When it happened, by the sender's clock; moved to between the operation before it and now. */
  seconds: int,
  nanos: u32,
  /** Id for the inode or link that it makes, of the queue's ranges, each once, in any order; 0: none. */
  inodeId: int,
  /** The method's request, encoded by its own codec. */
  request: bytes,
})
export type QueuedOperation = ValueOf<typeof queuedOperation>

/**
 * Applies operations `first`, `first + 1`, … of a queue. Those that were applied before are passed over; a
 * gap is INVALID_ARGUMENT; a queue that was revoked gets LEASE_LOST, one that is not known NOT_FOUND. The
 * first failure ends the queue: its leases go in the same moment, what follows is not applied, now or later,
 * and later batches get the same answer until it is closed.
 */
export const applyQueue = method(
  52,
  'applyQueue',
  'write',
  1,
  record({
    queueId: text,
    first: int,
    principals: list(record({ user: text, groups: list(text), superuser: flag })),
    operations: list(queuedOperation),
    /** Inode ids wanted for what follows; 0: none. */
    ids: u32,
    /**
     * Room wanted for what follows, below each quota root that the queue has leases under. A queue gets at
     * most an eighth of what is left.
     */
    names: int,
    diskBytes: int,
    /** Something that frees space is among them or waits behind them: on a full disk they pass as it does. */
    frees: optional(flag),
  }),
  record({
    /** Number of the last operation of the queue that is applied. */
    applied: int,
    /** What the operation `applied + 1` failed with. */
    failed: optional(failure),
    firstId: int,
    ids: u32,
    /**
     * Room of the queue after this batch, below every quota root that it has leases under: what the batch
     * used is taken off, what it freed is nobody's.
     */
    reserves: list(record({ quotaRoot: int, names: int, diskBytes: int })),
  }),
)

/** Gives every lease of a queue back and forgets it. What was not handed in is lost. */
export const closeQueue = method(53, 'closeQueue', 'write', 1, record({ queueId: text }), nothing)

/**
 * Says that the queue lives and that this connection speaks for it: recalls come here. LEASE_LOST when it was
 * revoked, NOT_FOUND when it is not known. Answers the last operation applied.
 */
export const attachQueue = method(
  54,
  'attachQueue',
  'session',
  1,
  record({ queueId: text }),
  record({ applied: int }),
)

/** Gives one directory back, in the order of the queue; fine if it went before. Only inside a batch. */
export const releaseDirectory = method(55, 'releaseDirectory', 'write', 1, record({ inodeId: int }), nothing)

/**
 * Replaces the content of a small file that no session has open for writing; its generation grows by one.
 * The right to write was asked when the file was opened. Only inside a batch.
 */
export const writeInline = method(
  56,
  'writeInline',
  'write',
  1,
  record({ inodeId: int, inline: bytes }),
  record({ status: fileStatus }),
)

/**
 * Content of a small file and of those behind it in its directory, in byte order of names, until it is
 * `bytes` long or a message is full. Files without content are left out, and those that are not small.
 * Superusers only: a mount asks for what it may be asked for next, and decides itself who may see it.
 */
export const readSmallFiles = method(
  64,
  'readSmallFiles',
  'read',
  1,
  record({ inodeId: int, bytes: u32 }),
  record({ files: list(record({ inodeId: int, generation: int, inline: bytes })) }),
)

/**
 * Payload of `PUSH.recall`: others wait for these directories. It is repeated while they wait, and may come
 * in one turn with the answer that granted the lease.
 */
export const recall = record({ queueId: text, inodeIds: list(int) })

export const DIRECTORY_LEASE_METHODS: readonly Method<unknown, unknown>[] = [
  openQueue,
  acquireDirectory,
  applyQueue,
  closeQueue,
  attachQueue,
  releaseDirectory,
  writeInline,
  readSmallFiles,
]
