import { makeLogger } from '@hopbine/common/base/log.ts'
import { create, mkdir } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { SegmentedLog } from '../log/segmented-log.ts'
import { NOTHING_OPEN } from '../operations/open-elsewhere.ts'
import type { WriteOperation } from '../operations/operation.ts'
import { WRITE_OPERATIONS } from '../operations/registry.ts'
import { openDatabase } from '../store/database.ts'
import type { Reply } from '../store/sessions.ts'
import { Tx } from '../store/tx.ts'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { TestClock } from '../testing/test-clock.ts'
import { FIRST_STATE } from '../testing/test-replica.ts'
import type { Command } from './command.ts'
import { Replica } from './replica.ts'

const CLIENT = 'a'.repeat(32)

async function openReplica(disk = new MemoryLogDisk()) {
  const time = new TestClock()
  const db = openDatabase(':memory:', { cacheKiB: 64 }, FIRST_STATE)
  const state = new Tx(db, { seconds: 10, bytes: 10_000 })
  const log = new SegmentedLog(disk, 512 * 1024)
  await log.open(0, 0)
  const fatal: Error[] = []
  const replica = new Replica({
    host: time.host,
    state,
    log,
    logger: makeLogger('test', 'silent'),
    onFatal: error => fatal.push(error),
    onApplied: () => undefined,
  })
  await replica.beginTerm()
  return { replica, disk, time, fatal, state }
}

function mkdirCommand(path: string, sequence: number): Command {
  const operation = WRITE_OPERATIONS.get(mkdir.id) as WriteOperation
  const who = { user: 'operator', groups: ['operator'], superuser: true, clientId: CLIENT }
  const envelope = { ...who, sequence, behind: 0, seconds: 1, nanos: 0 }
  return { operation, envelope, body: { request: { path, mode: 0o755 }, id: 2000 + sequence } }
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

t.test('nothing is applied or answered before it is durable', async t => {
  const { replica, disk } = await openReplica()
  const replies: Reply[] = []
  const before = disk.syncs
  replica.propose(mkdirCommand('/a', 1), reply => replies.push(reply), t.fail)
  t.equal(replica.machine.appliedIndex, 1, 'the entry that began the term')
  t.equal(replies.length, 0)
  while (replies.length === 0) await turns(1)
  t.equal(disk.syncs, before + 1)
  t.equal(replica.machine.appliedIndex, 2)
})

t.test('after a failed fsync nothing is answered any more and the process is told to stop', async t => {
  const { replica, disk, fatal, state } = await openReplica()
  const answered: string[] = []
  const { count } = state.directories
  disk.failSync = Object.assign(new Error('EIO'), { code: 'EIO' })
  replica.propose(mkdirCommand('/a', 1), () => answered.push('a'), t.fail)
  await turns(10)
  disk.failSync = undefined
  replica.propose(mkdirCommand('/b', 2), () => answered.push('b'), t.fail)
  await turns(10)
  t.match(fatal, [{ message: 'EIO' }])
  t.same(answered, [])
  t.equal(state.directories.count, count, 'nothing was applied')
})

t.test('a defect while applying stops the process instead of being an answer', async t => {
  const { replica, fatal } = await openReplica()
  const answered: string[] = []
  const broken: WriteOperation = {
    ...(WRITE_OPERATIONS.get(mkdir.id) as WriteOperation),
    apply() {
      throw new TypeError('a defect')
    },
  }
  const command = { ...mkdirCommand('/a', 1), operation: broken }
  replica.propose(command, () => answered.push('a'), t.fail)
  replica.propose(mkdirCommand('/b', 2), () => answered.push('b'), t.fail)
  await turns(10)
  t.match(fatal, [{ message: 'a defect' }])
  t.same(answered, [])
})

t.test('a full log refuses by name and serves again when there is room', async t => {
  const { replica, disk, fatal } = await openReplica()
  const outcomes: string[] = []
  const operation = WRITE_OPERATIONS.get(create.id) as WriteOperation
  const propose = (sequence: number): void => {
    const options = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 2 ** 27 }
    const request = { path: `/f${sequence}`, ...options, inline: Buffer.alloc(65_000) }
    const command = {
      ...mkdirCommand('', sequence),
      operation,
      body: { request, firstId: 5000 + sequence, silent: [], elsewhere: NOTHING_OPEN },
    }
    replica.propose(
      command,
      reply => outcomes.push(reply.failed ? 'failed' : 'ok'),
      error => outcomes.push(error.code),
    )
  }
  disk.failPrepare = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
  for (let i = 1; i <= 20; i++) {
    propose(i)
    await turns(4)
  }
  t.equal(outcomes.length, 20)
  t.same([...new Set(outcomes)], ['ok', 'NO_SPACE'])
  disk.failPrepare = undefined
  for (let i = 21; i <= 23; i++) {
    propose(i)
    await turns(6)
  }
  t.equal(outcomes.at(-1), 'ok')
  t.same(fatal, [])
})

t.test('writes that wait for the log have a bound in bytes', async t => {
  const { replica } = await openReplica()
  const long = 'x'.repeat(60_000)
  let count = 0
  const flood = (): void => {
    for (; count < 10_000; count++)
      replica.propose(
        mkdirCommand(long, count),
        () => undefined,
        () => undefined,
      )
  }
  t.throws(flood, { code: 'BUSY', retry: 'same-node' })
  t.ok(count > 2000 && count < 2400, `${count} of 60,000 bytes`)
})

t.test('SQLite commits by time, and a replay goes on from there', async t => {
  const { replica, time, disk, state } = await openReplica()
  let answered = 0
  replica.propose(mkdirCommand('/a', 1), () => answered++, t.fail)
  while (answered < 1) await turns(1)
  t.equal(replica.machine.committedIndex, 0)
  time.advance(100)
  t.equal(replica.machine.committedIndex, 2)
  t.equal(state.db.prepare('SELECT applied_index FROM meta').pluck().get(), 2)
  const again = await openReplica(disk.copy())
  t.equal(again.replica.machine.appliedIndex, 3, 'an empty store replays all of the log, and a term begins')
  t.equal(again.replica.term, 2)
})
