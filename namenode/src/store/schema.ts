/**
 * The tables of one shard, as SQL text. SQLite is the truth of everything here; the packed directory table
 * and the session table are copies in memory that are rebuilt from it at start.
 *
 * Later tables have their place already: lock(inode, range) hangs on entry.id; `delegated_shard` marks a
 * directory whose content lives on another shard.
 */

/** Version of the format below; a higher one in a file is refused, a lower one is migrated. */
export const SCHEMA_VERSION = 1

export const SCHEMA = `
-- One row: where this replica stands.
CREATE TABLE meta (
  lock INTEGER PRIMARY KEY CHECK (lock = 1),
  shard INTEGER NOT NULL,              -- shard whose state this is
  applied_index INTEGER NOT NULL,      -- last log entry whose effects the rows below contain
  applied_term INTEGER NOT NULL,       -- term of that entry
  next_sequence INTEGER NOT NULL,      -- first inode or block sequence never handed out
  capability_epoch INTEGER NOT NULL,   -- block capabilities of lower epochs are void
  capability_key BLOB NOT NULL,        -- 32 secret bytes that sign block capabilities
  cluster_id TEXT NOT NULL             -- drawn once; datanodes refuse another cluster's
) STRICT;

-- Users and groups by number, so that rows and permission checks carry integers.
CREATE TABLE identity (
  id INTEGER PRIMARY KEY,              -- dense, from 1
  name TEXT NOT NULL UNIQUE            -- a user's or a group's name; one space of names for both
) STRICT;

-- Dentry and inode in one, clustered by parent and name. The root is (0, ''); removed trees hang below 2.
CREATE TABLE entry (
  parent_id INTEGER NOT NULL,          -- inode of the directory that holds the name; 0 for the root
  name TEXT NOT NULL,                  -- last component, 1 to 255 bytes of UTF-8
  id INTEGER NOT NULL UNIQUE,          -- inode number; foreign keys point here: the key changes by rename
  kind INTEGER NOT NULL,               -- KIND of the protocol: 1 file, 2 directory, 3 symlink …
  mode INTEGER NOT NULL,               -- permission bits 0 to 0o7777
  owner_id INTEGER NOT NULL REFERENCES identity (id),
  group_id INTEGER NOT NULL REFERENCES identity (id),
  size INTEGER NOT NULL,               -- bytes; 0 for directories
  atime INTEGER NOT NULL,              -- seconds since 1970; for directories the times are in this row too
  atime_ns INTEGER NOT NULL,
  mtime INTEGER NOT NULL,              -- of a directory: see directory.mtime
  mtime_ns INTEGER NOT NULL,
  ctime INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  nlink INTEGER NOT NULL,              -- names of this inode; 0: none left, and still open
  block_size INTEGER NOT NULL,         -- bytes; 0 for anything but files
  replication INTEGER NOT NULL,        -- copies of each block; 0 for anything but files
  storage_class INTEGER NOT NULL,      -- 0: replicated; further classes come with erasure coding and tiers
  flags INTEGER NOT NULL,              -- ENTRY_FLAG bits
  generation INTEGER NOT NULL,         -- grows when a writer takes the file
  target TEXT,                         -- of a symbolic link; MAJOR:MINOR of a device; inode of a further name
  delegated_shard INTEGER,             -- shard that holds the content of this directory; NULL: this one
  PRIMARY KEY (parent_id, name)
) STRICT, WITHOUT ROWID;

-- Further names of an inode, by the inode.
CREATE INDEX entry_link ON entry (target) WHERE kind = 15;

-- Content side of a directory, beside its children. Written once per transaction, whatever changed.
CREATE TABLE directory (
  id INTEGER PRIMARY KEY REFERENCES entry (id),
  children INTEGER NOT NULL,           -- entries directly in it
  subdirectories INTEGER NOT NULL,     -- of these, directories
  mtime INTEGER NOT NULL,              -- seconds since 1970 of the last change of its entries
  mtime_ns INTEGER NOT NULL,
  ctime INTEGER NOT NULL,              -- of the directory as a whole; the entry's own copy is not kept up
  ctime_ns INTEGER NOT NULL,
  files INTEGER NOT NULL,              -- non-directories below it, at any depth
  directories INTEGER NOT NULL,        -- directories below it, at any depth, without itself
  bytes INTEGER NOT NULL,              -- sum of sizes below it
  disk_bytes INTEGER NOT NULL,         -- sum of size times replication below it
  name_quota INTEGER,                  -- limit on files + directories + 1; NULL: none
  space_quota INTEGER                  -- limit on disk_bytes; NULL: none
) STRICT;

-- Whole content of a small file.
CREATE TABLE inline_data (
  inode_id INTEGER PRIMARY KEY REFERENCES entry (id),
  data BLOB NOT NULL                   -- up to 64 KiB; a size beyond it reads as zeros
) STRICT;

-- Extended attributes.
CREATE TABLE xattr (
  inode_id INTEGER NOT NULL REFERENCES entry (id),
  name TEXT NOT NULL,                  -- with its space: user.…, trusted.… or security.…
  value BLOB NOT NULL,                 -- up to 64 KiB
  PRIMARY KEY (inode_id, name)
) STRICT, WITHOUT ROWID;

-- POSIX ACLs, an entry a row: what the bits of a mode cannot say. entry.flags tells who has any.
CREATE TABLE acl (
  inode_id INTEGER NOT NULL REFERENCES entry (id),
  scope INTEGER NOT NULL,              -- ACL_SCOPE: 0 access, 1 default
  tag INTEGER NOT NULL,                -- ACL_TAG; owner, mask and others of scope 0 are in entry.mode
  identity_id INTEGER NOT NULL,        -- of a named user or group; 0 for the other tags
  rights INTEGER NOT NULL,             -- 0 to 7
  PRIMARY KEY (inode_id, scope, tag, identity_id)
) STRICT, WITHOUT ROWID;

-- A block that some file uses or is being written into.
CREATE TABLE block (
  id INTEGER PRIMARY KEY,
  inode_id INTEGER NOT NULL REFERENCES entry (id),
  live_bytes INTEGER NOT NULL,         -- sum of its extents; at 0 on a closed file it becomes a tombstone
  length INTEGER NOT NULL              -- highest byte that any extent ever needed
) STRICT;
CREATE INDEX block_by_inode ON block (inode_id);

-- Where the ranges of a file are. Ranges of one file never overlap; what lies between them is a hole.
CREATE TABLE extent (
  inode_id INTEGER NOT NULL REFERENCES entry (id),
  offset INTEGER NOT NULL,             -- first byte in the file
  length INTEGER NOT NULL,             -- bytes, over 0
  block_id INTEGER NOT NULL REFERENCES block (id),
  block_offset INTEGER NOT NULL,       -- first byte in the block
  PRIMARY KEY (inode_id, offset)
) STRICT, WITHOUT ROWID;
CREATE INDEX extent_by_block ON extent (block_id);

-- Blocks that nothing uses any more, for the datanodes to drop.
CREATE TABLE tombstone (
  block_id INTEGER PRIMARY KEY,
  since INTEGER NOT NULL,              -- seconds since 1970; held a while, for restored backups
  confirmed TEXT NOT NULL              -- node ids that dropped it, separated by spaces
) STRICT;

-- Client sessions: answers for retries, and write leases. One row each, written once per transaction.
CREATE TABLE session (
  client_id TEXT PRIMARY KEY,          -- 32 hexadecimal digits
  last_seconds INTEGER NOT NULL,       -- time of its last write
  floor INTEGER NOT NULL,              -- answers up to this number are forgotten
  replies BLOB NOT NULL,               -- msgpack: [sequence, failed, payload] …
  leases BLOB NOT NULL                 -- msgpack: inode ids open for writing
) STRICT, WITHOUT ROWID;

-- The change feed: the events of one transaction in one row.
CREATE TABLE change (
  first_index INTEGER PRIMARY KEY,     -- log index of the first event
  last_index INTEGER NOT NULL,
  seconds INTEGER NOT NULL,            -- time of the last event, for retention
  events BLOB NOT NULL                 -- msgpack: arrays in the order of changeEvent's fields
) STRICT;

-- Queues of directory leases: a total order of operations each, applied once. Written once per transaction.
CREATE TABLE lease_queue (
  queue_id TEXT PRIMARY KEY,           -- 32 hexadecimal digits
  applied INTEGER NOT NULL,            -- number of its last operation that was applied
  revoked INTEGER NOT NULL,            -- 1: its leases were taken, nothing of it is applied any more
  seconds INTEGER NOT NULL,            -- time of its last operation, or of its birth
  nanos INTEGER NOT NULL,
  rest BLOB NOT NULL                   -- msgpack: inode ids, what its last operation failed with, reserves
) STRICT, WITHOUT ROWID;

-- Directories for which one queue's owner answers alone.
CREATE TABLE directory_lease (
  inode_id INTEGER PRIMARY KEY REFERENCES directory (id),
  queue_id TEXT NOT NULL REFERENCES lease_queue (queue_id)
) STRICT;

-- What the next leader of a group must know of this one's soft state.
CREATE TABLE leader_note (
  note TEXT PRIMARY KEY                -- a short text of the server's own
) STRICT, WITHOUT ROWID;

-- Datanodes that ever registered; placement is computed from these rows.
CREATE TABLE datanode (
  node_id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  port INTEGER NOT NULL,
  rack TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`

/** Kind of a row that is a further name of an inode: `target` is the inode, `size` a copy of its size. */
export const LINK_KIND = 15

/** Bits of entry.flags; the low ones are FLAG of the protocol. */
export const ENTRY_FLAG = {
  open: 1,
  inline: 2,
  accessAcl: 4,
  defaultAcl: 8,
  /** There are rows of `xattr`. */
  xattrs: 16,
  /** Made by `create` and never completed: `abandon` removes it. */
  unborn: 0x100,
} as const
/** Either of them says that there are rows of `acl`. */
export const ACL_FLAGS = ENTRY_FLAG.accessAcl | ENTRY_FLAG.defaultAcl
/** Values of acl.scope. */
export const ACL_SCOPE = { access: 0, default: 1 } as const
/** The bits that clients see. */
export const PUBLIC_FLAGS = 0xff
