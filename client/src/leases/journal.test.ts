import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mkdir } from '@hopbine/common/protocol/metadata.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import t from 'tap'
import { Journal, readJournal } from './journal.ts'
import { OperationQueue, type QueuedStep } from './operation-queue.ts'

const folder = mkdtempSync(join(tmpdir(), 'hopbine-journal-'))
t.teardown(() => rmSync(folder, { recursive: true }))

const ADA = { user: 'ada', groups: ['staff', 'ada'], superuser: false }
const HEAD = { queueId: 'q'.repeat(32), clientId: 'c'.repeat(32), owner: 'me' }

function begin(name: string): { path: string; journal: Journal; queue: OperationQueue } {
  const path = join(folder, name)
  const journal = Journal.create(path, HEAD)
  return { path, journal, queue: new OperationQueue(journal) }
}

function add(queue: OperationQueue, path: string, isOfOpenFile = false): QueuedStep {
  const request = { path, mode: 0o755, umask: undefined }
  const time = { seconds: 7, nanos: 8 }
  return queue.add({ method: mkdir, request, principal: ADA, time, inodeId: 5, about: [5], isOfOpenFile })
}

function pathsIn(path: string): string[] {
  const steps = readJournal(path)?.steps ?? []
  return steps.map(({ operation }) => mkdir.request.decode(new Reader(operation.request as Buffer)).path)
}

t.test('what was queued is read back: in order, amended, without what was cancelled', t => {
  const { path, queue } = begin('order')
  const steps = ['/a', '/b', '/c'].map(name => add(queue, name))
  queue.amend(steps[0] as QueuedStep, mkdir, { path: '/z', mode: 0o700, umask: undefined })
  queue.cancel([steps[1] as QueuedStep])
  t.same(pathsIn(path), ['/z', '/c'])
  const read = readJournal(path)
  t.same(read?.head, { ...HEAD, applied: 0 })
  t.match(read?.steps[0], { user: 'ada', groups: ['staff', 'ada'], superuser: false })
  t.match(read?.steps[0]?.operation, { method: mkdir.id, seconds: 7, nanos: 8, inodeId: 5 })
  t.equal(statSync(path).mode & 0o777, 0o600, 'nobody else reads what users wrote')
  t.end()
})

t.test('what concerns an open file is written at its close, at the next change, or soon', async t => {
  const { path, queue } = begin('open')
  const again = { path: '/z', mode: 0o700, umask: undefined }
  const open = add(queue, '/a', true)
  queue.amend(open, mkdir, again)
  t.same(pathsIn(path), [])
  const { size } = statSync(path)
  queue.writeDown()
  t.same(pathsIn(path), ['/z'])
  const once = statSync(path).size - size
  add(queue, '/y')
  const alone = statSync(path).size - size - once
  t.equal(once, alone, 'once, however often it changed')
  add(queue, '/b', true)
  add(queue, '/c')
  t.same(pathsIn(path), ['/z', '/y', '/b', '/c'], 'in order')
  queue.cancel([add(queue, '/d', true)])
  t.same(pathsIn(path), ['/z', '/y', '/b', '/c'])
  add(queue, '/e', true)
  queue.take(9, 1_000_000)
  t.same(pathsIn(path), ['/z', '/y', '/b', '/c', '/e'], 'before it is sent')
  add(queue, '/f', true)
  while (pathsIn(path).length < 6) await new Promise(resolve => setTimeout(resolve, 5))
  t.same(pathsIn(path).at(-1), '/f')
})

t.test('a journal that was cut anywhere gives a beginning of what was queued', t => {
  const { path, queue } = begin('cut')
  const names = Array.from({ length: 20 }, (_, index) => `/${'n'.repeat(index)}${index}`)
  for (const name of names) add(queue, name)
  const random = new SeededNumbers(randomRuns(1).seed)
  for (let length = statSync(path).size; length > 0; ) {
    length = Math.max(0, length - 1 - random.next(40))
    truncateSync(path, length)
    const found = pathsIn(path)
    if (JSON.stringify(found) !== JSON.stringify(names.slice(0, found.length))) t.fail(`cut at ${length}`)
  }
  t.equal(readJournal(path), undefined, 'nothing was answered without a beginning')
  t.end()
})

t.test('a byte that changed ends what is believed', t => {
  const { path, queue } = begin('changed')
  for (const name of ['/a', '/b', '/c']) add(queue, name)
  const bytes = readFileSync(path)
  bytes[bytes.indexOf('/b')] = 0x2e
  writeFileSync(path, bytes)
  t.same(pathsIn(path), ['/a'])
  t.end()
})

t.test('a journal begins anew when nothing waits, and is written anew with what does', t => {
  const { path, journal, queue } = begin('anew')
  for (const name of ['/a', '/b', '/c']) add(queue, name)
  queue.take(2, 1_000_000)
  queue.confirm(2)
  journal.rewrite(queue.applied, queue.uncommitted)
  t.same(pathsIn(path), ['/c'])
  t.equal(readJournal(path)?.head.applied, 2)
  add(queue, '/d')
  t.same(pathsIn(path), ['/c', '/d'])
  queue.take(2, 1_000_000)
  queue.confirm(4)
  journal.cut(queue.applied)
  t.same(readJournal(path), { head: { ...HEAD, applied: 4 }, steps: [] })
  add(queue, '/e')
  t.same(pathsIn(path), ['/e'], 'and goes on')
  const kept = journal.setAside()
  t.equal(existsSync(path), false)
  t.same(pathsIn(kept), ['/e'])
  t.end()
})
