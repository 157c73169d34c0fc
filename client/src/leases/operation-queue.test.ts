import { chmod, mkdir } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { lostError, OperationQueue, type QueuedStep, type StepLog } from './operation-queue.ts'

const SELF = { user: 'root', groups: ['root'], superuser: true }

/** What a journal would be told. */
class Told implements StepLog {
  readonly events: string[] = []
  isFull = false

  added({ ticket }: QueuedStep): void {
    if (this.isFull) throw lostError()
    this.events.push(`added ${ticket}`)
  }

  amended({ ticket }: QueuedStep): void {
    this.events.push(`amended ${ticket}`)
  }

  cancelled(steps: readonly QueuedStep[]): void {
    if (this.isFull) throw lostError()
    for (const { ticket } of steps) this.events.push(`cancelled ${ticket}`)
  }

  writeDown(): void {
    if (this.isFull) throw lostError()
  }

  emptied(applied: number): void {
    this.events.push(`emptied ${applied}`)
  }
}

function add(queue: OperationQueue, path: string): QueuedStep {
  const request = { path, mode: 0o755, umask: undefined }
  const time = { seconds: 1, nanos: 0 }
  return queue.add({ method: mkdir, request, principal: SELF, time, inodeId: 5, about: [5] })
}

t.test('operations are sent in order, numbered without those that were cancelled', t => {
  const told = new Told()
  const queue = new OperationQueue(told)
  const steps = ['/a', '/b', '/c', '/d'].map(path => add(queue, path))
  queue.cancel([steps[1] as QueuedStep])
  t.equal(queue.nextNumber, 1)
  const first = queue.take(2, 1_000_000).map(({ ticket }) => ticket)
  t.same(first, [1, 3])
  t.equal(queue.nextNumber, 3)
  t.equal(queue.waitingCount, 1)
  queue.confirm(1)
  t.equal(queue.isSettled(2), true, 'the cancelled one, too')
  t.equal(queue.isSettled(3), false)
  queue.take(9, 1_000_000)
  queue.confirm(3)
  t.equal(queue.isSettled(4), true)
  t.equal(queue.count, 0)
  t.equal(queue.bytes, 0)
  t.same(told.events, ['added 1', 'added 2', 'added 3', 'added 4', 'cancelled 2', 'emptied 3'])
  t.end()
})

t.test('only what was not sent is amended or cancelled, and only the last one gets a new time', t => {
  const queue = new OperationQueue(new Told())
  const [first, second] = [add(queue, '/a'), add(queue, '/b')]
  const request = { path: '/c', mode: 0o700, umask: undefined }
  t.throws(() => queue.amend(first, mkdir, request, { seconds: 9, nanos: 0 }))
  queue.amend(first, mkdir, request)
  queue.amend(second, mkdir, request, { seconds: 9, nanos: 1 })
  t.same([second.seconds, second.nanos], [9, 1])
  t.throws(() => queue.amend(second, chmod, { path: '/c', mode: 1 }))
  queue.take(1, 1_000_000)
  t.throws(() => queue.amend(first, mkdir, request))
  t.throws(() => queue.cancel([first]))
  t.end()
})

t.test('a batch has a bound of bytes, and at least one operation', t => {
  const queue = new OperationQueue(new Told())
  for (const path of ['/a', '/b', '/c']) add(queue, path)
  t.equal(queue.take(9, 1).length, 1)
  t.equal(queue.take(9, 1_000_000).length, 2)
  t.same(queue.take(9, 1_000_000), [])
  t.end()
})

t.test('who waits for a commit is told of it, of a try that failed, and of the end', async t => {
  const queue = new OperationQueue(new Told())
  const woken: boolean[] = []
  queue.onWaiting = isUrgent => woken.push(isUrgent)
  add(queue, '/a')
  const early = queue.sync()
  add(queue, '/b')
  const late = queue.sync()
  t.same(woken, [false, true, false, true])
  queue.take(1, 1_000_000)
  queue.confirm(1)
  await early
  queue.tell(lostError())
  await t.rejects(late, { code: 'INTERNAL' })
  const last = queue.sync()
  const lost = queue.fail(lostError()).map(({ ticket }) => ticket)
  t.same(lost, [2])
  await t.rejects(last, { code: 'INTERNAL' })
  await t.rejects(queue.sync(), { code: 'INTERNAL' })
  t.throws(() => add(queue, '/c'), { code: 'INTERNAL' })
})

t.test('an operation that cannot be written down never happened', t => {
  const told = new Told()
  const queue = new OperationQueue(told)
  told.isFull = true
  t.throws(() => add(queue, '/a'))
  t.equal(queue.count, 0)
  told.isFull = false
  t.same(queue.take(9, 1_000_000), [])
  const step = add(queue, '/b')
  told.isFull = true
  t.throws(() => queue.take(9, 1_000_000), 'what is not written down is not sent')
  t.throws(() => queue.cancel([step]))
  told.isFull = false
  t.same(queue.take(9, 1_000_000), [step], 'and goes on waiting')
  t.end()
})
