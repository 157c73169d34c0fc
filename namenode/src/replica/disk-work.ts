/**
 * Runs in a worker thread: the slow disk work on a shard's database, with a connection of its own. It never
 * writes rows.
 */
import Database from 'better-sqlite3'

export type DiskTask =
  /** Copies committed pages from the WAL into the database file without stopping readers or the writer. */
  | { readonly kind: 'checkpoint'; readonly path: string }
  /** Writes a consistent, compact copy of the database. */
  | { readonly kind: 'copy'; readonly path: string; readonly target: string }

export function runDiskTask(task: DiskTask): void {
  const db = new Database(task.path)
  try {
    if (task.kind === 'checkpoint') db.pragma('wal_checkpoint(PASSIVE)')
    else db.prepare('VACUUM INTO ?').run(task.target)
  } finally {
    db.close()
  }
}
