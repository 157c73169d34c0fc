// test-timeout-seconds: 600
/** Locks on two mounts of one cluster: real processes, real kernels, and servers that come and go. */
import * as fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOCK_TERM_MS } from '@hopbine/common/protocol/locks.ts'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { type LockCommand, LockProcess } from './lock-process.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NO LOCK OF A MOUNT WAS TESTED')

t.setTimeout(600_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const [a, b] = [await Mounted.start(home), await Mounted.start(home)]
t.teardown(async () => {
  await a.remove()
  await b.remove()
  await cluster.close()
})

const WRITE: LockCommand = { type: 'w' }
const READ: LockCommand = { type: 'r' }
const UNLOCK: LockCommand = { type: 'u' }

async function locker(t: Test, mounted: Mounted, name: string): Promise<LockProcess> {
  const found = await LockProcess.start(mounted.path(name))
  t.teardown(() => found.kill())
  return found
}

/** One process on the first mount, two on the second. */
async function three(t: Test, name: string): Promise<[LockProcess, LockProcess, LockProcess]> {
  return [await locker(t, a, name), await locker(t, b, name), await locker(t, b, name)]
}

/** What is still waiting after a while. */
async function isWaiting(work: Promise<unknown>): Promise<boolean> {
  return (await Promise.race([work, sleep(300, 'waiting')])) === 'waiting'
}

t.test('byte ranges exclude each other across mounts, are split, and are told', async t => {
  const [here, there, beside] = await three(t, 'ranges')
  t.equal(await here.posix({ type: 'w', start: 0, length: 100 }), 'ok')
  t.equal(await there.posix({ type: 'r', start: 50, length: 10 }), 'EAGAIN')
  t.equal(await there.test({ type: 'r', start: 90, length: 20 }), 'w 0 100')
  t.equal(await here.posix({ type: 'u', start: 40, length: 20 }), 'ok')
  t.equal(await there.posix({ type: 'w', start: 40, length: 20 }), 'ok')
  t.equal(await beside.posix({ type: 'r', start: 59, length: 1 }), 'EAGAIN')
  t.equal(await beside.posix({ type: 'w', start: 100 }), 'ok')
  t.equal(await here.test({ type: 'w', start: 100 }), 'w 100 0', 'to the end of the file')
  t.equal(await here.test({ type: 'w', start: 0, length: 40 }), 'free')
  t.equal(await here.posix({ type: 'w', start: 2 ** 53, length: 1 }), 'EOVERFLOW')
})

t.test('BSD locks do, too, and the two kinds know nothing of each other', async t => {
  const [here, there, beside] = await three(t, 'bsd')
  t.equal(await here.flock(READ), 'ok')
  t.equal(await there.flock(READ), 'ok')
  t.equal(await beside.flock(WRITE), 'EAGAIN')
  t.equal(await here.posix(WRITE), 'ok')
  t.equal(await here.flock(UNLOCK), 'ok')
  const strong = there.flock({ type: 'w', wait: true })
  t.equal(await strong, 'ok')
  t.equal(await here.flock(READ), 'EAGAIN')
  await there.close()
  await sleep(100)
  t.equal(await here.flock(WRITE), 'ok', 'closing the file unlocks it')
})

t.test('who waits gets the lock in turn, and a signal ends a wait', async t => {
  const [here, there, beside] = await three(t, 'waits')
  await here.posix(WRITE)
  const second = there.posix({ type: 'w', wait: true })
  t.ok(await isWaiting(second))
  t.equal(await beside.posix({ type: 'r', wait: true, alarm: 0.3 }), 'interrupted')
  const third = beside.posix({ type: 'r', wait: true })
  t.ok(await isWaiting(third))
  await here.posix(UNLOCK)
  t.equal(await second, 'ok')
  t.ok(await isWaiting(third))
  await there.kill()
  t.equal(await third, 'ok', 'a process that dies unlocks')
  t.equal(await here.posix(WRITE), 'EAGAIN')
})

t.test('closing a descriptor drops the locks of the process, but not those of an open file', async t => {
  const [here, there] = await three(t, 'owners')
  await here.open(a.path('owners'), 'other')
  await here.posix({ type: 'w', start: 0, length: 1 })
  await here.ofd({ type: 'w', start: 1, length: 1 })
  t.equal(await there.posix({ type: 'w', length: 1 }), 'EAGAIN')
  await here.close('other')
  t.equal(await there.posix({ type: 'w', length: 1 }), 'ok')
  t.equal(await there.posix({ type: 'w', start: 1, length: 1 }), 'EAGAIN')
  await here.close()
  await sleep(100)
  t.equal(await there.ofd({ type: 'w', start: 1, length: 1, wait: true }), 'ok')
})

t.test('a circle of waits over two mounts is refused to one of them', async t => {
  const [here, there] = [await locker(t, a, 'first'), await locker(t, b, 'first')]
  await here.open(a.path('second'), 'g')
  await there.open(b.path('second'), 'g')
  t.equal(await here.posix(WRITE), 'ok')
  t.equal(await there.posix({ type: 'w', name: 'g' }), 'ok')
  const waiting = here.posix({ type: 'w', name: 'g', wait: true })
  t.ok(await isWaiting(waiting))
  t.equal(await there.posix({ type: 'r', wait: true }), 'EDEADLK')
  await there.posix({ type: 'u', name: 'g' })
  t.equal(await waiting, 'ok')
})

t.test('what was written under a lock is read under the next, on whichever mount', async t => {
  const script = [
    'import fcntl, os, sys',
    'fd = os.open("counter", os.O_RDWR | os.O_CREAT)',
    'for turn in range(60):',
    '    (fcntl.lockf if int(sys.argv[1]) else fcntl.flock)(fd, fcntl.LOCK_EX)',
    '    number = int(os.pread(fd, 20, 0) or b"0") + 1',
    '    os.pwrite(fd, b"%019d\\n" % number, 0)',
    '    (fcntl.lockf if int(sys.argv[1]) else fcntl.flock)(fd, fcntl.LOCK_UN)',
  ].join('\n')
  for (const kind of ['0', '1']) {
    await fs.writeFile(a.path('counter'), '')
    await Promise.all([a, b, a, b].map(mounted => mounted.run('python3', '-c', script, kind)))
    t.equal(Number(await fs.readFile(b.path('counter'), 'utf8')), 240, `lockf: ${kind}`)
  }
})

/** Does it again until it succeeds; after five seconds its failure is the answer. */
async function eventually(work: () => Promise<unknown>): Promise<void> {
  for (const deadline = performance.now() + 5_000; ; await sleep(50)) {
    try {
      await work()
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
    }
  }
}

/** Inserts rows in transactions of their own, however often the database is busy. */
const INSERTS = [
  'import sqlite3, sys, time',
  'name, mode, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])',
  'db = sqlite3.connect(name, timeout=60, isolation_level=None)',
  'assert db.execute("pragma journal_mode=" + mode).fetchone()[0] == mode.lower()',
  'for n in range(first, first + count):',
  '    db.execute("begin immediate")',
  '    db.execute("insert into t values (?, ?)", (n, "x" * 500))',
  '    db.execute("commit")',
  '    time.sleep(0.002)',
].join('\n')

const CHECK = [
  'import sqlite3, sys',
  'db = sqlite3.connect(sys.argv[1], timeout=60)',
  'first = lambda what: db.execute(what).fetchone()[0]',
  'print(first("pragma integrity_check"), first("select count(*) from t"))',
].join('\n')

async function makeDatabase(name: string, mode: string): Promise<void> {
  const script = [
    'import sqlite3, sys',
    'db = sqlite3.connect(sys.argv[1])',
    'db.execute("pragma journal_mode=" + sys.argv[2])',
    'db.execute("create table t (n integer primary key, text text)"); db.commit()',
  ].join('\n')
  await a.run('python3', '-c', script, name, mode)
}

t.test('SQLite with a rollback journal of any kind is written from two mounts at once', async t => {
  for (const mode of ['DELETE', 'TRUNCATE', 'PERSIST']) {
    const name = `${mode}.db`
    await makeDatabase(name, mode)
    const insert = (mounted: Mounted, first: number): Promise<string> =>
      mounted.run('python3', '-c', INSERTS, name, mode, String(first), '40')
    await Promise.all([insert(a, 0), insert(b, 1_000)])
    for (const mounted of [a, b]) t.equal(await mounted.run('python3', '-c', CHECK, name), 'ok 80\n', mode)
  }
})

t.test('SQLite with a WAL works for processes of one mount, and is refused to a second', async t => {
  await makeDatabase('wal.db', 'WAL')
  const insert = (mounted: Mounted, first: number, count: number): Promise<string> =>
    mounted.run('python3', '-c', INSERTS, 'wal.db', 'WAL', String(first), String(count))
  await Promise.all([insert(a, 0, 60), insert(a, 1_000, 60)])
  t.equal(await a.run('python3', '-c', CHECK, 'wal.db'), 'ok 120\n')
  const long = insert(a, 2_000, 300)
  await eventually(() => fs.stat(a.path('wal.db-shm')))
  await sleep(100)
  await t.rejects(insert(b, 5_000, 1), /disk I\/O error|unable to open|locking protocol/)
  await long
  t.equal(await a.run('python3', '-c', CHECK, 'wal.db'), 'ok 420\n')
  // The kernel tells of the last close of a file after close(2) has returned.
  await eventually(() => insert(b, 6_000, 10))
  t.equal(await b.run('python3', '-c', CHECK, 'wal.db'), 'ok 430\n', 'when the first has closed it')
})

t.test('a namenode that is restarted finds every lock as it was', async t => {
  const [here, there, beside] = await three(t, 'restart')
  await here.posix({ type: 'w', start: 0, length: 10 })
  await there.posix({ type: 'w', start: 10, length: 10 })
  const alone = await locker(t, a, 'alone')
  await alone.flock(WRITE)
  const waiting = beside.posix({ type: 'w', start: 0, length: 20, wait: true })
  t.ok(await isWaiting(waiting))
  await cluster.end('namenode', 'SIGKILL')
  t.equal(await alone.flock(UNLOCK), 'ok', 'a delegated lock needs no namenode')
  t.equal(await alone.flock(WRITE), 'ok')
  await cluster.startAgain('namenode')
  const other = await locker(t, b, 'alone')
  t.equal(await other.flock(WRITE), 'EAGAIN')
  t.equal(await there.posix({ type: 'w', start: 0, length: 1 }), 'EAGAIN')
  t.ok(await isWaiting(waiting))
  await here.posix(UNLOCK)
  await there.posix(UNLOCK)
  t.equal(await waiting, 'ok')
})

t.test('a mount that is silent for a term loses its locks, and its programs learn it', async t => {
  const [here, there] = await three(t, 'silent')
  await here.write('mine')
  await here.posix(WRITE)
  process.kill(a.pid, 'SIGSTOP')
  const started = performance.now()
  t.equal(await there.posix({ type: 'w', wait: true }), 'ok')
  const took = performance.now() - started
  t.ok(took < LOCK_TERM_MS + 5_000, `${Math.round(took)} ms`)
  t.ok(took > LOCK_TERM_MS - 6_000, `${Math.round(took)} ms`)
  process.kill(a.pid, 'SIGCONT')
  t.equal(await here.write('not mine'), 'EIO')
  t.equal(await here.posix(READ), 'EIO')
  t.equal(await here.close(), 'ok')
  await here.open(a.path('silent'))
  t.equal(await here.read(), 'mine', 'opened anew')
  t.equal(await here.posix(READ), 'EAGAIN')
})

t.test(
  'a mount that is killed frees its locks when its term is over, and at once when it is back',
  async t => {
    const [here, there] = await three(t, 'killed')
    await here.posix(WRITE)
    await there.open(b.path('killed-too'), 'g')
    await here.open(a.path('killed-too'), 'g')
    await here.posix({ type: 'w', name: 'g' })
    await a.crash()
    const started = performance.now()
    t.equal(await there.posix({ type: 'w', wait: true }), 'ok')
    const took = performance.now() - started
    t.ok(took < LOCK_TERM_MS + 2_000, `${Math.round(took)} ms`)
    await a.mount()
    const again = await locker(t, a, 'killed-again')
    await again.posix(WRITE)
    await a.crash()
    await a.mount()
    const other = await locker(t, b, 'killed-again')
    const asked = performance.now()
    t.equal(await other.posix({ type: 'w', wait: true }), 'ok')
    t.ok(performance.now() - asked < 2_000)
  },
)
