/**
 * The namenode's methods for files and directories. One row per operation; its meaning is the file of the
 * same name in namenode/operations. Paths are absolute; `/.reserved/.inodes/ID[/NAME…]` starts at an inode
 * instead of the root.
 */
import { bytes, flag, int, list, nothing, optional, record, text, u8, u16, u32 } from '../wire/codec.ts'
import { ACL_METHODS } from './acl.ts'
import { type Method, method } from './method.ts'
import { changeEvent, contentSummary, extent, fileStatus, locatedBlock } from './types.ts'

const statusAnswer = record({ status: fileStatus })
const optionalTime = optional(record({ seconds: int, nanos: u32 }))

/** Bits that a new inode does not get, but where its directory has a default ACL. Absent: none. */
const umask = optional(u16)
const newDirectory = record({ path: text, mode: u16, umask })
/** Makes one directory; its parent must exist. */
export const mkdir = method(10, 'mkdir', 'write', 1, newDirectory, statusAnswer)
/** Makes a directory and every missing one above it; fine if it exists already. */
export const mkdirs = method(11, 'mkdirs', 'write', 1, newDirectory, statusAnswer)

/** What `create` does when the name is taken. */
export const IF_EXISTS = { fail: 0, overwrite: 1 } as const

/**
 * Makes a file. With `inline` it is whole at once; without, it is open and leased to the calling session
 * until `complete`. `replication` 0 and `blockSize` 0 take the server's defaults.
 */
export const create = method(
  12,
  'create',
  'write',
  1,
  record({
    path: text,
    mode: u16,
    ifExists: u8,
    createParents: flag,
    replication: u8,
    blockSize: int,
    inline: optional(bytes),
    umask,
    /** The name was answered: `abandon` leaves the file there. */
    stays: optional(flag),
  }),
  statusAnswer,
)
/**
 * Opens an existing file for writing at any offset: takes the lease. Answers the attributes at that moment.
 */
export const append = method(13, 'append', 'write', 1, record({ path: text }), statusAnswer)
/** A new open block for a leased file. `exclude` names datanodes that just failed for the caller. */
export const addBlock = method(
  14,
  'addBlock',
  'write',
  1,
  record({ inodeId: int, exclude: list(text) }),
  record({ block: locatedBlock }),
)
/**
 * Makes written ranges part of a leased file; later ranges win over earlier ones. `size` is the file's size
 * after it. Extents for an inline file replace its inline bytes: the writer includes what it wants to keep.
 */
export const commitExtents = method(
  15,
  'commitExtents',
  'write',
  1,
  record({ inodeId: int, extents: list(extent), size: int }),
  statusAnswer,
)
/**
 * Commits the last ranges and gives the lease back. `inline` replaces the whole content and needs no extents.
 */
export const complete = method(
  16,
  'complete',
  'write',
  1,
  record({ inodeId: int, extents: list(extent), size: int, inline: optional(bytes) }),
  statusAnswer,
)
/**
 * Gives the lease back; a file that `create` made and nobody completed vanishes, another keeps what was
 * committed.
 */
export const abandon = method(17, 'abandon', 'write', 1, record({ inodeId: int }), nothing)
/**
 * Sets the size of a file that nobody has open for writing (or that the caller has). Growing makes a hole.
 */
export const truncate = method(18, 'truncate', 'write', 1, record({ path: text, size: int }), statusAnswer)

/**
 * Attributes, and where the bytes of a range are: inline, or as extents over blocks. A gap between extents is
 * a hole, and so is what a file's size holds beyond its inline bytes: both read as zeros. Inline bytes come
 * whole; extents come in order, at most EXTENTS_PER_COMMIT_MAX: an answer with so many ends where its last
 * one does, and the caller asks on from there.
 */
export const open = method(
  19,
  'open',
  'read',
  1,
  record({ path: text, offset: int, length: int }),
  record({
    status: fileStatus,
    inline: optional(bytes),
    extents: list(extent),
    /** Each block that the extents name, once. */
    blocks: list(locatedBlock),
  }),
)
/** Attributes of one path; `followLast` resolves a symbolic link at its end. */
export const stat = method(20, 'stat', 'read', 1, record({ path: text, followLast: flag }), statusAnswer)
/** Room and names of the filesystem as seen at a path: the nearest quota, else the datanodes. */
export const statfs = method(
  21,
  'statfs',
  'read',
  1,
  record({ path: text }),
  record({ capacityBytes: int, usedBytes: int, freeBytes: int, names: int, namesFree: int }),
)
/** One page of a directory in byte order of names, after `after`. A file lists itself. */
export const list_ = method(
  22,
  'list',
  'read',
  1,
  record({ path: text, after: text, max: u32 }),
  record({ entries: list(fileStatus), more: flag }),
)

/** `rename` modes: refuse a taken name; replace as POSIX rename(2) does; swap two existing names. */
export const RENAME = { noReplace: 0, replace: 1, exchange: 2 } as const
/**
 * Inodes that the caller's session has open: one of them that loses its last name lives on without one,
 * until the session says `releaseOrphans` or falls silent. The answer says which did.
 */
const keepOpen = optional(list(int))
const kept = optional(list(int))
export const rename = method(
  23,
  'rename',
  'write',
  1,
  record({ from: text, to: text, mode: u8, keepOpen }),
  record({ kept }),
)

/**
 * What `remove` accepts at the path: anything, only non-directories (unlink), only an empty directory
 * (rmdir).
 */
export const REMOVE = { any: 0, file: 1, directory: 2 } as const
/**
 * Removes a file, an empty directory, or with `recursive` a tree, at a cost that does not follow its size.
 */
export const remove = method(
  24,
  'remove',
  'write',
  1,
  record({ path: text, recursive: flag, only: u8, keepOpen }),
  record({ files: int, directories: int, bytes: int, kept }),
)
export const symlink = method(25, 'symlink', 'write', 1, record({ path: text, target: text }), statusAnswer)
export const readlink = method(26, 'readlink', 'read', 1, record({ path: text }), record({ target: text }))
export const chmod = method(27, 'chmod', 'write', 1, record({ path: text, mode: u16 }), statusAnswer)
export const chown = method(
  28,
  'chown',
  'write',
  1,
  record({ path: text, owner: optional(text), group: optional(text) }),
  statusAnswer,
)
/** Absent times stay as they are. */
export const utimes = method(
  29,
  'utimes',
  'write',
  1,
  record({ path: text, atime: optionalTime, mtime: optionalTime }),
  statusAnswer,
)
/**
 * Content of these files was read then. Where relatime(8) has it, access times move, and nothing else does;
 * what is gone, no file, or not the caller's to read is passed over. At most `ACCESSES_MAX` in one call.
 */
export const noteAccess = method(
  48,
  'noteAccess',
  'write',
  1,
  record({ accesses: list(record({ inodeId: int, seconds: int, nanos: u32 })) }),
  nothing,
)
export const setReplication = method(
  30,
  'setReplication',
  'write',
  1,
  record({ path: text, replication: u8 }),
  statusAnswer,
)
export const summary = method(31, 'contentSummary', 'read', 1, record({ path: text }), contentSummary)
/** Limits on names and on bytes with copies; absent: as it is; -1: no limit. Superusers only. */
export const setQuota = method(
  32,
  'setQuota',
  'write',
  1,
  record({ path: text, names: optional(int), bytes: optional(int) }),
  nothing,
)
/** Says that the session lives: its write leases start anew. */
export const renewLease = method(33, 'renewLease', 'session', 1, nothing, nothing)
/**
 * Closes a file whose writer was silent past the soft limit, at its committed size; false while it may not
 * yet.
 */
export const recoverLease = method(
  34,
  'recoverLease',
  'write',
  1,
  record({ path: text }),
  record({ closed: flag }),
)
/**
 * Committed changes from log index `from` on; waits up to `waitMs` when there are none. `oldest` is the first
 * index still kept: a consumer whose `from` is below it has missed changes. Superusers only.
 */
export const changes = method(
  35,
  'changes',
  'session',
  1,
  record({ from: int, max: u32, waitMs: u32 }),
  record({ events: list(changeEvent), next: int, oldest: int }),
)
/**
 * Attributes, if the caller may do what `wanted` says: 4 read, 2 write, 1 execute or search, summed.
 * ACCESS_DENIED otherwise. For doors that open files in the name of others and use them in their own.
 */
export const access = method(36, 'access', 'read', 1, record({ path: text, wanted: u8 }), statusAnswer)
/**
 * Makes a fifo, socket or device. `device` is `MAJOR:MINOR` for devices, which only superusers make; else
 * empty.
 */
export const mknod = method(
  37,
  'mknod',
  'write',
  1,
  record({ path: text, kind: u8, mode: u16, device: text, umask }),
  statusAnswer,
)
/**
 * One more name for what is at `from`, which is no directory. Both count against the same quotas, or
 * CROSS_SHARD.
 */
export const link = method(38, 'link', 'write', 1, record({ from: text, to: text }), statusAnswer)
/**
 * An empty file without a name, with owner, group, mode and ACL as if it were made in that directory. The
 * caller's session has it open until it says `releaseOrphans`; `link` may give it a name until then.
 */
export const createUnnamed = method(
  49,
  'createUnnamed',
  'write',
  1,
  record({ directory: text, mode: u16, umask }),
  statusAnswer,
)
/** The session no longer has these inodes open. */
export const releaseOrphans = method(
  39,
  'releaseOrphans',
  'write',
  1,
  record({ inodeIds: list(int) }),
  nothing,
)
/** Makes a range of a leased file a hole: it reads as zeros, its size stays. */
export const punch = method(
  40,
  'punch',
  'write',
  1,
  record({ inodeId: int, offset: int, length: int }),
  statusAnswer,
)
/** What `setXattr` does: set in any case; refuse one that is there; refuse one that is not. */
export const SET_XATTR = { any: 0, create: 1, replace: 2 } as const
/** Gives an inode an extended attribute named `user.…`, `trusted.…` or `security.…`. */
export const setXattr = method(
  41,
  'setXattr',
  'write',
  1,
  record({ path: text, name: text, value: bytes, how: u8 }),
  nothing,
)
/** NO_ATTRIBUTE if there is none of that name, or none for the caller. */
export const getXattr = method(
  42,
  'getXattr',
  'read',
  1,
  record({ path: text, name: text }),
  record({ value: bytes }),
)
/** `flags` are those of `FileStatus`: ACLs are attributes of other names to the kernel. */
export const listXattrs = method(
  43,
  'listXattrs',
  'read',
  1,
  record({ path: text }),
  record({ names: list(text), flags: u16 }),
)
export const removeXattr = method(44, 'removeXattr', 'write', 1, record({ path: text, name: text }), nothing)
/** What a session that is known to be dead holds is given up at once. Superusers only. */
export const endSession = method(45, 'endSession', 'write', 1, record({ clientId: text }), nothing)
export const METADATA_METHODS: readonly Method<unknown, unknown>[] = [
  mkdir,
  mkdirs,
  create,
  append,
  addBlock,
  commitExtents,
  complete,
  abandon,
  truncate,
  open,
  stat,
  statfs,
  list_,
  rename,
  remove,
  symlink,
  readlink,
  chmod,
  chown,
  utimes,
  noteAccess,
  setReplication,
  summary,
  setQuota,
  renewLease,
  recoverLease,
  changes,
  access,
  mknod,
  link,
  createUnnamed,
  releaseOrphans,
  punch,
  setXattr,
  getXattr,
  listXattrs,
  removeXattr,
  endSession,
  ...ACL_METHODS,
]
