/**
 * Every bound of the system that more than one part must know, with its unit. What happens when a bound is
 * met is said beside it. Bounds of one part only live in that part.
 */

/** Name of one entry, in UTF-8 bytes; longer: NAME_TOO_LONG. */
export const NAME_BYTES_MAX = 255
/** Whole path, in UTF-8 bytes; longer: NAME_TOO_LONG. */
export const PATH_BYTES_MAX = 4096
/** Name of a user or a group, in UTF-8 bytes; longer: INVALID_ARGUMENT. */
export const IDENTITY_BYTES_MAX = 255
/** Groups that one principal may have; more: INVALID_ARGUMENT. */
export const GROUPS_MAX = 1024
/** Target of a symbolic link, in UTF-8 bytes; longer: NAME_TOO_LONG. */
export const SYMLINK_BYTES_MAX = 4095
/** Name of an extended attribute with its space, in bytes; longer: NAME_TOO_LONG. */
export const XATTR_NAME_BYTES_MAX = 255
/** Value of an extended attribute, in bytes; longer: INVALID_ARGUMENT. */
export const XATTR_VALUE_BYTES_MAX = 64 * 1024
/** Extended attributes of one inode; one more: NO_SPACE. */
export const XATTRS_MAX = 128
/**
 * Entries of one ACL with those of owner, group, mask and others; one more: NO_SPACE. What the kernel takes
 * from a FUSE filesystem: a page of memory.
 */
export const ACL_ENTRIES_MAX = 511
/** Files in one `noteAccess`; more: INVALID_ARGUMENT. */
export const ACCESSES_MAX = 1024
/** Names of one inode; one more: TOO_MANY_LINKS. */
export const LINKS_MAX = 1024
/** Symbolic links followed for one path; more: SYMLINK_LOOP. */
export const SYMLINK_HOPS_MAX = 40
/** A file up to this size lives in the metadata store and travels with the metadata call. */
export const INLINE_BYTES_MAX = 64 * 1024
/** One RPC message with its header; larger: the connection ends with FRAME_TOO_LARGE. */
export const FRAME_BYTES_MAX = 4 * 1024 * 1024
/**
 * Requests of one connection that the server works on at a time; beyond it stops reading from that
 * connection.
 */
export const IN_FLIGHT_PER_CONNECTION_MAX = 4096
/** Unsent answers of one connection; beyond it the server stops reading from that connection. */
export const OUTGOING_BYTES_MAX = 16 * 1024 * 1024
/** Entries in one page of a listing. */
export const LIST_PAGE_MAX = 1000
/** Change events in one answer. */
export const CHANGES_PAGE_MAX = 10_000
/**
 * Extents in one commit (more: INVALID_ARGUMENT) and in one answer of `open` (more: the answer ends early).
 */
export const EXTENTS_PER_COMMIT_MAX = 4096
/** Extents that one `finishRewrite` replaces; more: INVALID_ARGUMENT. */
export const REWRITE_EXTENTS_MAX = 1024
/** Block size: bounds and default, in bytes. */
export const BLOCK_BYTES_MIN = 1024 * 1024
export const BLOCK_BYTES_MAX = 1024 * 1024 * 1024
export const BLOCK_BYTES_DEFAULT = 128 * 1024 * 1024
export const REPLICATION_MAX = 16
/** Copies of a block where nobody said how many. */
export const REPLICATION_DEFAULT = 1
/** A file's size in bytes; larger: INVALID_ARGUMENT. */
export const FILE_BYTES_MAX = 2 ** 52
/** Bytes covered by one CRC32C on a datanode's disk and on the block wire. */
export const CHECKSUM_CHUNK_BYTES = 64 * 1024
/** A write lease may be taken over by another client when its holder was silent so long, in milliseconds. */
export const LEASE_SOFT_MS = 60_000
/** The namenode closes the file itself when its holder was silent so long, in milliseconds. */
export const LEASE_HARD_MS = 20 * 60_000
/** Life of a block capability, in milliseconds. */
export const CAPABILITY_MS = 60_000
