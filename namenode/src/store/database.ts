/**
 * Opens the SQLite file of a shard. WAL mode, no fsync per transaction: the log is what was fsynced before an
 * answer, and a restart replays it from `meta.applied_index`. Checkpoints are somebody else's
 * (replica/checkpointer).
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { FIRST_SEQUENCE, ORPHAN_INODE, RECLAIM_INODE, ROOT_INODE } from '@hopbine/common/base/ids.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import Database from 'better-sqlite3'
import { LINK_KIND, SCHEMA, SCHEMA_VERSION } from './schema.ts'

export type Db = Database.Database

export interface DatabaseOptions {
  /** SQLite page cache in KiB; the file rows that stay in memory. */
  readonly cacheKiB: number
}

export interface FirstState {
  readonly shard: number
  readonly clusterId: string
  readonly capabilityKey: Buffer
  /** Owner and group of the root directory. */
  readonly owner: string
  readonly group: string
  /** Time of birth, seconds since 1970. */
  readonly seconds: number
}

/**
 * Opens or makes the database. Throws UNSUPPORTED for a format newer than this program. `:memory:` is for
 * tests.
 */
export function openDatabase(path: string, options: DatabaseOptions, first: FirstState): Db {
  const db = new Database(path)
  db.pragma('journal_mode = WAL')
  // A power cut may lose the last transactions but never tears the file; the log has them.
  db.pragma('synchronous = NORMAL')
  db.pragma('wal_autocheckpoint = 0')
  db.pragma('foreign_keys = ON')
  db.pragma('temp_store = MEMORY')
  db.pragma(`cache_size = -${options.cacheKiB}`)
  db.pragma('locking_mode = NORMAL')
  // A crash before the schema was whole leaves version 0: nothing was ever acknowledged then.
  if (versionOf(db) === 0) {
    createSchema(db, first)
    addWhatCameLater(db)
    // The log can bring back everything but this: who the cluster is and what its key is.
    db.pragma('wal_checkpoint(TRUNCATE)')
  }
  const version = versionOf(db)
  if (version > SCHEMA_VERSION) {
    db.close()
    throw new FsError(
      'UNSUPPORTED',
      `${path} has format ${version}, this program knows up to ${SCHEMA_VERSION}`,
    )
  }
  if (version === SCHEMA_VERSION) addWhatCameLater(db)
  return db
}

function versionOf(db: Db): number {
  return db.pragma('user_version', { simple: true }) as number
}

/** What databases of the same format may lack that were made earlier; equal on every replica. */
function addWhatCameLater(db: Db): void {
  db.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS xattr (
      inode_id INTEGER NOT NULL REFERENCES entry (id), name TEXT NOT NULL, value BLOB NOT NULL,
      PRIMARY KEY (inode_id, name)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS leader_note (note TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS entry_link ON entry (target) WHERE kind = ${LINK_KIND};
    INSERT OR IGNORE INTO entry
      SELECT 0, 'orphan', ${ORPHAN_INODE}, kind, mode, owner_id, group_id, size, atime, atime_ns,
        mtime, mtime_ns, ctime, ctime_ns, nlink, block_size, replication, storage_class, flags,
        generation, target, delegated_shard
      FROM entry WHERE id = ${RECLAIM_INODE};
    INSERT OR IGNORE INTO directory
      SELECT ${ORPHAN_INODE}, 0, 0, mtime, 0, ctime, 0, 0, 0, 0, 0, NULL, NULL
      FROM entry WHERE id = ${RECLAIM_INODE};
    COMMIT;
  `)
}

function createSchema(db: Db, first: FirstState): void {
  db.transaction(() => {
    db.exec(SCHEMA)
    db.pragma(`user_version = ${SCHEMA_VERSION}`)
    db.prepare('INSERT INTO meta VALUES (1, ?, 0, 0, ?, 1, ?, ?)').run(
      first.shard,
      FIRST_SEQUENCE,
      first.capabilityKey,
      first.clusterId,
    )
    db.prepare('INSERT OR IGNORE INTO identity (name) VALUES (?), (?)').run(first.owner, first.group)
    const identity = db.prepare('SELECT id FROM identity WHERE name = ?').pluck()
    const owner = identity.get(first.owner)
    const group = identity.get(first.group)
    const entry = db.prepare(
      `INSERT INTO entry VALUES
         (?, ?, ?, ${KIND.directory}, ?, ?, ?, 0, ?, 0, ?, 0, ?, 0, 1, 0, 0, 0, 0, 0, NULL, NULL)`,
    )
    const directory = db.prepare('INSERT INTO directory VALUES (?, 0, 0, ?, 0, ?, 0, 0, 0, 0, 0, NULL, NULL)')
    const { seconds } = first
    entry.run(0, '', ROOT_INODE, 0o755, owner, group, seconds, seconds, seconds)
    directory.run(ROOT_INODE, seconds, seconds)
    entry.run(0, 'reclaim', RECLAIM_INODE, 0, owner, group, seconds, seconds, seconds)
    directory.run(RECLAIM_INODE, seconds, seconds)
  })()
  // The cluster's id and key must outlive a power cut that the log survives.
  db.pragma('wal_checkpoint(TRUNCATE)')
}
