/**
 * Keeps two namenodes out of one folder: an exclusive lock of SQLite on a file that holds nothing. The kernel
 * gives it back when the process ends, however it ends, so it never goes stale.
 */
import { join } from 'node:path'
import { FsError } from '@hopbine/common/base/errors.ts'
import Database from 'better-sqlite3'

export interface FolderLock {
  release(): void
}

/** Throws BUSY when another process has the folder. */
export function lockFolder(folder: string): FolderLock {
  const db = new Database(join(folder, 'lock'), { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    db.close()
    throw new FsError('BUSY', `another namenode uses ${folder}: stop it first`, {}, { cause: error })
  }
  return { release: () => db.close() }
}
