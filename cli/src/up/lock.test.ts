import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { acquireLock, LockHeldError, lockHolder } from './lock.ts'
import { ownIdentity, startOf, stateOf } from './process-identity.ts'

t.test('a lock is held once and free again after its release', async t => {
  const path = join(t.testdir(), 'up.lock')
  const lock = await acquireLock(path)
  t.equal(lockHolder(path)?.pid, process.pid)
  await t.rejects(acquireLock(path), new LockHeldError(path, process.pid))
  lock.release()
  t.notOk(existsSync(path))
  const again = await acquireLock(path)
  again.release()
  t.strictSame(readdirSync(join(path, '..')), [], 'leaves no other files')
})

t.test('a lock of a process that ended is taken over', async t => {
  const path = join(t.testdir(), 'up.lock')
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)'], { stdio: 'ignore' })
  const pid = child.pid as number
  const started = startOf(pid)
  t.ok(started)
  writeFileSync(path, JSON.stringify({ ...ownIdentity(), pid, started, token: 'x' }))
  await t.rejects(acquireLock(path), LockHeldError)
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await ended
  const lock = await acquireLock(path)
  t.equal(lockHolder(path)?.pid, process.pid)
  lock.release()
})

t.test('a recycled process number does not keep a stale lock alive', async t => {
  const path = join(t.testdir(), 'up.lock')
  writeFileSync(path, JSON.stringify({ ...ownIdentity(), started: 'another boot:1', token: 'x' }))
  t.equal(lockHolder(path), undefined)
  const lock = await acquireLock(path)
  lock.release()
})

t.test('a damaged lock file holds nobody back', async t => {
  for (const text of ['', '{', 'null', '[]', '{"pid":"1"}']) {
    const path = join(t.testdir(), 'up.lock')
    writeFileSync(path, text)
    const lock = await acquireLock(path)
    t.equal(JSON.parse(readFileSync(path, 'utf8')).pid, process.pid)
    lock.release()
  }
})

t.test(
  'a holder in another container counts only while it serves',
  { skip: process.platform !== 'linux' },
  async t => {
    const path = join(t.testdir(), 'up.lock')
    const record = JSON.stringify({ ...ownIdentity(), space: 'pid:[1]', token: 'x' })
    writeFileSync(path, record)
    await t.rejects(
      acquireLock(path, async () => true),
      LockHeldError,
    )
    const lock = await acquireLock(path, async () => false)
    lock.release()
  },
)

t.test('of many that want a stale lock one gets it', async t => {
  const path = join(t.testdir(), 'up.lock')
  writeFileSync(path, JSON.stringify({ ...ownIdentity(), started: 'gone', token: 'x' }))
  const tries = await Promise.allSettled(Array.from({ length: 20 }, () => acquireLock(path)))
  const winners = tries.filter(result => result.status === 'fulfilled')
  t.equal(winners.length, 1)
})

t.test('a process is told from others by number and start', async t => {
  t.equal(stateOf(ownIdentity()), 'runs')
  t.equal(stateOf({ ...ownIdentity(), pid: 2 ** 22 + 1 }), 'gone')
})
