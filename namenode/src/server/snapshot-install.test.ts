/** A fetched store is put in place whatever moment the process ends at, and the vote stays. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeLogger } from '@hopbine/common/base/log.ts'
import t, { type Test } from 'tap'
import { realLogDisk } from '../log/log-disk.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import { openDatabase } from '../store/database.ts'
import { FIRST_STATE } from '../testing/test-replica.ts'
import { incomingPaths, installFetched } from './snapshot-install.ts'

const logger = makeLogger('test', 'silent')
const VOTE = { term: 7, vote: 2 }

function makeStore(path: string, index: number, term: number): void {
  const db = openDatabase(path, { cacheKiB: 64 }, FIRST_STATE)
  db.prepare('UPDATE meta SET applied_index = ?, applied_term = ?').run(index, term)
  db.close()
}

/** A member that stands at entry 3 and voted in term 7, and the whole state as of entry 90. */
async function behindMember(t: Test): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-install-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  makeStore(join(folder, 'store.db'), 3, 1)
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
  await log.open(3, 1)
  log.appendVote(VOTE)
  await new Promise<void>(resolve => log.sync(() => resolve()))
  await log.close()
  const incoming = incomingPaths(folder)
  mkdirSync(incoming.folder)
  makeStore(incoming.store, 90, 6)
  return folder
}

async function check(t: Test, folder: string): Promise<void> {
  t.notOk(existsSync(incomingPaths(folder).folder))
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
  await log.open(90, 6)
  t.match(log.vote, VOTE, 'the vote is the one that was given')
  t.equal(log.lastIndex, 90)
  t.equal(log.lastTerm, 6)
  await log.close()
}

t.test('what is not whole is thrown away', async t => {
  const folder = await behindMember(t)
  await installFetched(folder, logger)
  t.notOk(existsSync(incomingPaths(folder).folder))
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
  await log.open(3, 1)
  t.match(log.vote, VOTE)
  t.equal(log.lastIndex, 3)
  await log.close()
})

t.test('what is whole takes the place of store and log', async t => {
  const folder = await behindMember(t)
  writeFileSync(incomingPaths(folder).complete, '')
  await installFetched(folder, logger)
  await check(t, folder)
  await installFetched(folder, logger)
  await check(t, folder)
})

t.test('a crash between two steps leaves what the next start goes on from', async t => {
  const noted = JSON.stringify(VOTE)
  const steps = [
    'the vote is noted',
    'the log is gone',
    'the store is new',
    'the new log has no vote',
  ] as const
  for (const [number, step] of steps.entries()) {
    const folder = await behindMember(t)
    const incoming = incomingPaths(folder)
    writeFileSync(incoming.complete, '')
    writeFileSync(join(incoming.folder, 'vote.json'), noted)
    if (number >= 1) rmSync(join(folder, 'log'), { recursive: true })
    if (number >= 2) {
      rmSync(join(folder, 'store.db'))
      rmSync(incoming.store)
      makeStore(join(folder, 'store.db'), 90, 6)
    }
    if (number >= 3) {
      const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
      await log.open(90, 6)
      await log.close()
    }
    await installFetched(folder, logger)
    t.comment(step)
    await check(t, folder)
  }
})
