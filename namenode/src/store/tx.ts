/**
 * The state of one shard as operations see it: tables, the packed directories, sessions and the change feed,
 * all in one SQLite transaction that the replica opens and commits. Operations get a `Tx` and nothing else.
 */

import { type Change, ChangeFeed, type ChangeKeep } from './change-feed.ts'
import type { Db } from './database.ts'
import type { DirectoryTable } from './directory-table.ts'
import { Identities } from './identities.ts'
import { ListingCache } from './listing-cache.ts'
import { ParentPaths } from './parent-paths.ts'
import { Sessions } from './sessions.ts'
import { AclTable } from './tables/acl-table.ts'
import { BlockTable, ExtentTable, InlineTable, TombstoneTable } from './tables/content-table.ts'
import { DatanodeTable } from './tables/datanode-table.ts'
import { DirectoryLeases } from './tables/directory-lease-table.ts'
import { DirectoryRows } from './tables/directory-rows.ts'
import { EntryTable } from './tables/entry-table.ts'
import { LeaderNotes } from './tables/leader-notes.ts'
import { MetaRow } from './tables/meta-row.ts'
import { XattrTable } from './tables/xattr-table.ts'

/** Memory for kept listings, in bytes. */
const LISTING_BYTES = 32 * 1024 * 1024

/** Who and when, as the log entry says; the same on every replica. */
export interface CommandContext {
  readonly user: string
  readonly groups: readonly string[]
  readonly superuser: boolean
  readonly clientId: string
  /** Log index of the entry. */
  readonly index: number
  readonly seconds: number
  readonly nanos: number
}

/** Soft state that follows what commands do. */
export interface ChangeWatcher {
  changed(change: Change, context: CommandContext): void
  /** Attributes of an inode changed that no change names. */
  touched?(inodeId: number, parentId: number, context: CommandContext): void
}

export class Tx {
  readonly meta: MetaRow
  readonly identities: Identities
  readonly entries: EntryTable
  readonly xattrs: XattrTable
  readonly acls: AclTable
  readonly directoryRows: DirectoryRows
  readonly directories: DirectoryTable
  readonly listings = new ListingCache(LISTING_BYTES)
  readonly parentPaths = new ParentPaths()
  readonly inline: InlineTable
  readonly extents: ExtentTable
  readonly blocks: BlockTable
  readonly tombstones: TombstoneTable
  readonly sessions: Sessions
  readonly leases: DirectoryLeases
  readonly notes: LeaderNotes
  readonly datanodes: DatanodeTable
  readonly feed: ChangeFeed
  readonly db: Db
  /** Told of each change when a command makes it; for soft state only, which changes nothing here. */
  readonly watchers = new Set<ChangeWatcher>()

  constructor(db: Db, keep: ChangeKeep) {
    this.db = db
    this.meta = new MetaRow(db)
    this.identities = new Identities(db)
    this.directoryRows = new DirectoryRows(db)
    this.directories = this.directoryRows.load()
    const { directories } = this
    this.entries = new EntryTable(db, parentId => {
      // Nobody lists the root's own entry.
      if (parentId !== 0) directories.entriesChanged(directories.slotOf(parentId))
    })
    this.xattrs = new XattrTable(db)
    this.acls = new AclTable(db)
    this.inline = new InlineTable(db)
    this.extents = new ExtentTable(db)
    this.blocks = new BlockTable(db)
    this.tombstones = new TombstoneTable(db)
    this.sessions = new Sessions(db)
    this.leases = new DirectoryLeases(db, directories)
    this.notes = new LeaderNotes(db)
    this.datanodes = new DatanodeTable(db)
    this.feed = new ChangeFeed(db, keep)
  }

  /** Tells the change feed what the current command did. */
  changed(context: CommandContext, change: Change): void {
    this.feed.add(context.index, context.seconds, context.nanos, context.user, change)
    for (const watcher of this.watchers) watcher.changed(change, context)
  }

  /**
   * Tells watchers that attributes of an inode changed beside what the command says of itself. `parentId`:
   * directory of a name that it lost; 0: see where it is.
   */
  touched(context: CommandContext, inodeId: number, parentId = 0): void {
    for (const watcher of this.watchers) watcher.touched?.(inodeId, parentId, context)
  }

  begin(): void {
    this.db.exec('BEGIN IMMEDIATE')
  }

  /** Writes back everything that gathered in memory, with the index that it stands for, and commits. */
  commit(appliedIndex: number, appliedTerm: number): void {
    this.directoryRows.flush(this.directories)
    this.sessions.flush()
    this.leases.flush()
    this.feed.flush()
    this.meta.flush(appliedIndex, appliedTerm)
    this.db.exec('COMMIT')
  }
}
