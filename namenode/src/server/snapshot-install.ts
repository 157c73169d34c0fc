/**
 * Puts a store that was fetched from the leader in the place of this member's own, at a start: what the log
 * of the group has forgotten. The member's vote is carried over, so it cannot vote twice; a crash at any
 * moment leaves what the next start goes on from.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import Database from 'better-sqlite3'
import type { StoredVote } from '../log/frame.ts'
import { realLogDisk } from '../log/log-disk.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import { syncPath } from '../log/sync-path.ts'
import { NOBODY } from '../raft/messages.ts'

interface Place {
  readonly index: number
  readonly term: number
}

/** What was fetched, below the folder of the shard. */
export function incomingPaths(folder: string): { folder: string; store: string; complete: string } {
  const incoming = join(folder, 'incoming')
  return { folder: incoming, store: join(incoming, 'store.db'), complete: join(incoming, 'complete') }
}

/** Nothing where nothing whole was fetched. Throws CORRUPT for a store that is no sound one. */
export async function installFetched(folder: string, logger: Logger): Promise<void> {
  const incoming = incomingPaths(folder)
  if (!existsSync(incoming.complete)) return rmSync(incoming.folder, { recursive: true, force: true })
  const vote = await keepVote(folder)
  const store = join(folder, 'store.db')
  if (existsSync(incoming.store)) {
    placeOf(incoming.store)
    rmSync(join(folder, 'log'), { recursive: true, force: true })
    for (const ending of ['-wal', '-shm']) rmSync(`${store}${ending}`, { force: true })
    renameSync(incoming.store, store)
    syncPath(folder)
  }
  const { index, term } = placeOf(store)
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
  await log.open(index, term)
  if (log.vote === undefined) {
    log.appendVote(vote)
    await new Promise<void>((resolve, reject) =>
      log.sync(error => (error === null ? resolve() : reject(error))),
    )
  }
  await log.close()
  rmSync(incoming.folder, { recursive: true, force: true })
  syncPath(folder)
  logger.info({ index, term }, 'snapshot-installed')
}

/** The vote that the log holds, written down before the log goes. */
async function keepVote(folder: string): Promise<StoredVote> {
  const path = join(incomingPaths(folder).folder, 'vote.json')
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as StoredVote
  const { index, term } = placeOf(join(folder, 'store.db'))
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
  await log.open(index, term)
  const newest = Math.max(log.vote?.term ?? 0, log.lastTerm, term)
  const vote = log.vote?.term === newest ? log.vote : { term: newest, vote: NOBODY }
  await log.close()
  writeDurably(path, JSON.stringify(vote))
  return vote
}

/** The entry that a store stands for. */
function placeOf(path: string): Place {
  const db = new Database(path)
  try {
    const row = db.prepare<[], Place>('SELECT applied_index AS "index", applied_term AS term FROM meta').get()
    if (row === undefined) throw new Error('it has no meta row')
    return row
  } catch (error) {
    throw new FsError(
      'CORRUPT',
      `${path} is no sound store: ${(error as Error).message}`,
      {},
      { cause: error },
    )
  } finally {
    db.close()
  }
}

/** Replaces a small file, durably. */
export function writeDurably(path: string, text: string): void {
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
  syncPath(join(path, '..'))
}
