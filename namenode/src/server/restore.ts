/**
 * Puts a backup in the place of a stopped namenode's state. The state that was there is kept beside it. Ids
 * and log indexes go on far behind those of the backup, so that nothing handed out since is ever handed out
 * again.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FsError } from '@hopbine/common/base/errors.ts'
import Database from 'better-sqlite3'
import { syncPath } from '../log/sync-path.ts'
import { SCHEMA_VERSION } from '../store/schema.ts'
import { lockFolder } from './folder-lock.ts'

/** How far ids and indexes jump: more than any cluster draws between two backups. */
const GAP = 2 ** 32

export interface Restored {
  /** Log index that the backup stands for. */
  readonly index: number
  readonly files: number
  readonly directories: number
  /** Where the former state lies now; undefined if there was none. */
  readonly former: string | undefined
}

/** Throws INVALID_ARGUMENT for a file that is no sound backup, BUSY while a namenode runs on the folder. */
export function restoreBackup(dataDir: string, file: string): Restored {
  mkdirSync(dataDir, { recursive: true })
  const lock = lockFolder(dataDir)
  try {
    const fresh = join(dataDir, 'shard-0.restoring')
    rmSync(fresh, { recursive: true, force: true })
    mkdirSync(fresh)
    const path = join(fresh, 'store.db')
    copyFileSync(file, path)
    const facts = adopt(path, file)
    syncPath(path)
    syncPath(fresh)
    const target = join(dataDir, 'shard-0')
    const former = existsSync(target) ? freeName(`${target}.before-${facts.index}`) : undefined
    if (former !== undefined) renameSync(target, former)
    renameSync(fresh, target)
    syncPath(dataDir)
    return { ...facts, former }
  } finally {
    lock.release()
  }
}

/** The name itself, or with the first number that nothing has. */
function freeName(path: string): string {
  for (let number = 1; ; number++) {
    const name = number === 1 ? path : `${path}-${number}`
    if (!existsSync(name)) return name
  }
}

/** Checks the copy and moves its counters on. */
function adopt(path: string, file: string): Omit<Restored, 'former'> {
  const refuse = (why: string): FsError =>
    new FsError('INVALID_ARGUMENT', `${file} cannot be restored: ${why}`)
  const db = openCopy(path, refuse)
  try {
    const version = db.pragma('user_version', { simple: true }) as number
    if (version < 1 || version > SCHEMA_VERSION)
      throw refuse(`it is no Hopbine backup of a known format (${version})`)
    if (db.pragma('quick_check', { simple: true }) !== 'ok') throw refuse('its pages are damaged')
    const index = db.prepare<[], number>('SELECT applied_index FROM meta').pluck().get() ?? 0
    db.prepare('UPDATE meta SET applied_index = applied_index + ?, next_sequence = next_sequence + ?').run(
      GAP,
      GAP,
    )
    // What queues did after the backup is unknown here: none may go on as if nothing had happened.
    db.exec('DELETE FROM directory_lease; UPDATE lease_queue SET revoked = 1')
    const root = db
      .prepare<[], { files: number; directories: number }>(
        'SELECT files, directories FROM directory WHERE id = 1',
      )
      .get()
    return { index, files: root?.files ?? 0, directories: (root?.directories ?? 0) + 1 }
  } finally {
    db.close()
  }
}

function openCopy(path: string, refuse: (why: string) => FsError): Database.Database {
  const db = new Database(path)
  try {
    // A copy made by VACUUM INTO has no WAL; journal files beside it would be somebody else's.
    db.pragma('journal_mode = DELETE')
    db.prepare('SELECT applied_index FROM meta').get()
    return db
  } catch (error) {
    db.close()
    throw refuse((error as Error).message)
  }
}
