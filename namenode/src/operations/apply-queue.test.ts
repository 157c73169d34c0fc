import { ERRORS } from '@hopbine/common/base/errors.ts'
import { BATCH_OPERATIONS_MAX } from '@hopbine/common/protocol/directory-leases.ts'
import { append, REMOVE, RENAME, rename, setXattr, utimes } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { inodePath, queued, TestQueue } from '../testing/test-queue.ts'
import { openShard } from '../testing/test-shard.ts'
import { reclaim } from './internal.ts'
import { revokeQueue } from './revoke-queue.ts'

const QUEUE = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)

/** A shard with a directory that a queue holds. */
function openLeased() {
  const { shard, operator } = openShard()
  const top = operator.mkdir('/top')
  const queue = new TestQueue(shard.operator(), QUEUE)
  t.equal(queue.acquire(top.id).granted, true)
  return { shard, operator, queue, top: top.id }
}

t.test('a batch does what its operations would have done one by one', t => {
  const { shard, operator, queue, top } = openLeased()
  const dir = queue.mkdir(top, 'dir')
  const file = queue.create(dir.inodeId, 'file', 'one')
  queue.apply(
    dir,
    file,
    queue.symlink(dir.inodeId, 'link', 'file'),
    queue.link(file.inodeId, top, 'again'),
    queue.writeInline(file.inodeId, 'three'),
    queue.chmod(inodePath(file.inodeId), 0o600),
    queue.rename(dir.inodeId, 'file', dir.inodeId, 'renamed'),
    queue.create(dir.inodeId, 'gone', ''),
    queue.remove(dir.inodeId, 'gone', { only: REMOVE.file }),
  )
  t.match(operator.stat('/top/dir/renamed'), { id: file.inodeId, mode: 0o600, size: 5, nlink: 2 })
  t.equal(operator.open('/top/again').inline?.toString(), 'three')
  t.equal(operator.readlink('/top/dir/link'), 'file')
  t.same(operator.names('/top/dir'), ['link', 'renamed'])
  t.match(operator.summary('/top'), { files: 3, directories: 2, bytes: 14 })
  t.same(
    shard
      .events()
      .slice(-9)
      .map(event => event.what),
    ['mkdir', 'create', 'symlink', 'link', 'writeInline', 'chmod', 'rename', 'create', 'remove'],
  )
  shard.verify()
  t.end()
})

t.test('numbers decide what is applied, whichever session sends it', t => {
  const { shard, operator, queue, top } = openLeased()
  const operations = ['a', 'b', 'c', 'd'].map(name => queue.create(top, name, name))
  queue.apply(...operations.slice(0, 2))
  queue.session = shard.operator()
  t.match(queue.send(operations, 1), { applied: 4, failed: undefined })
  t.match(queue.send(operations, 1), { applied: 4, failed: undefined })
  t.match(queue.send(operations.slice(2), 3), { applied: 4 })
  t.same(operator.names('/top'), ['a', 'b', 'c', 'd'])
  shard.verify()
  t.end()
})

t.test('a gap, an unknown queue and others than superusers are refused', t => {
  const { shard, operator, queue, top } = openLeased()
  const operation = queue.create(top, 'f', '')
  t.throws(() => queue.send([operation], 2), { code: 'INVALID_ARGUMENT' })
  t.throws(() => queue.send([operation], 0), { code: 'INVALID_ARGUMENT' })
  t.throws(() => queue.send([operation], 1, { queueId: OTHER }), { code: 'NOT_FOUND' })
  const own = queue.session
  queue.session = shard.as('ada')
  t.throws(() => queue.send([operation], 1), { code: 'NOT_PERMITTED' })
  queue.session = own
  queue.apply(operation)
  t.same(operator.names('/top'), ['f'])
  shard.verify()
  t.end()
})

t.test('a failure ends the batch and the queue, now and later', t => {
  const { shard, operator, queue, top } = openLeased()
  const operations = [queue.create(top, 'a', ''), queue.remove(top, 'missing'), queue.create(top, 'b', '')]
  const answer = { applied: 1, failed: { code: ERRORS.NOT_FOUND.wire } }
  t.match(queue.send(operations), answer)
  t.match(queue.send(operations, 1), answer)
  t.match(queue.send([queue.create(top, 'c', '')], 2), answer, 'also what would succeed')
  t.same(operator.names('/top'), ['a'])
  t.equal(shard.state.leases.count, 0, 'its leases are worth nothing')
  t.match(queue.acquire(top), { granted: false })
  shard.verify()
  queue.close()
  t.match(new TestQueue(queue.session, OTHER).acquire(top), { granted: true })
  shard.verify()
  t.end()
})

t.test('each operation has its own speaker and its own time', t => {
  const { shard, operator, queue, top } = openLeased()
  operator.chmod('/top', 0o777)
  const ada = { user: 'ada', groups: ['staff'], superuser: false }
  queue.principals = [...queue.principals, ada]
  shard.time.advance(500_000)
  const now = shard.time.host.clock.wall().seconds
  queue.apply(
    queue.create(top, 'a', '', { principal: 1, seconds: now - 100, nanos: 7 }),
    queue.create(top, 'b', '', { seconds: now - 200 }),
    queue.create(top, 'c', '', { seconds: now + 100 }),
  )
  t.match(operator.stat('/top/a'), { owner: 'ada', group: 'staff', mtime: now - 100, mtimeNs: 7 })
  t.match(operator.stat('/top/b'), { owner: 'operator', mtime: now - 100, mtimeNs: 7 }, 'never back')
  const { mtime } = operator.stat('/top/c')
  t.ok(mtime >= now && mtime < now + 100, 'never ahead')
  t.equal(operator.stat('/top').mtime, mtime)
  const [a] = shard.events().filter(event => event.name === 'a')
  t.match(a, { user: 'ada', seconds: now - 100 })
  operator.mkdir('/old')
  const old = new TestQueue(operator, OTHER)
  const { id } = operator.stat('/old')
  old.acquire(id)
  shard.time.advance(3_600_000)
  old.apply(old.create(id, 'f', '', { seconds: now - 100 }))
  t.ok(operator.stat('/old/f').mtime >= now + 2_900, 'and not older than ten minutes')
  shard.verify()
  t.end()
})

t.test('rights are asked again for each operation', t => {
  const { shard, operator, queue, top } = openLeased()
  queue.principals = [...queue.principals, { user: 'ada', groups: ['ada'], superuser: false }]
  const refused = queue.create(top, 'f', '', { principal: 1 })
  t.match(queue.send([refused]), { applied: 0, failed: { code: ERRORS.ACCESS_DENIED.wire } })
  t.same(operator.names('/top'), [])
  shard.verify()
  t.end()
})

t.test('an id that was not given to the queue, or was used, is refused', t => {
  for (const pick of ['foreign', 'used', 'none']) {
    const { shard, operator, queue, top } = openLeased()
    const first = queue.create(top, 'a', '')
    queue.apply(first, queue.remove(top, 'a'))
    const stranger = operator.create('/f', { content: '' })
    const inodeId = { foreign: stranger.id + 1000, used: first.inodeId, none: 0 }[pick] as number
    const answer = queue.send([queue.create(top, 'b', '', { inodeId })])
    t.match(answer, { applied: 2, failed: { code: ERRORS.INVALID_ARGUMENT.wire } }, pick)
    t.same(operator.names('/top'), [])
    shard.verify()
  }
  t.end()
})

t.test('ids may be used in any order, and nobody else is ever given them', t => {
  const { shard, operator, queue, top } = openLeased()
  const [a, b, c] = [queue.nextId(), queue.nextId(), queue.nextId()]
  queue.apply(queue.create(top, 'c', '', { inodeId: c }), queue.create(top, 'a', '', { inodeId: a }))
  const fresh = operator.create('/f', { content: '' })
  t.ok(fresh.id > c + 90)
  t.ok(shard.state.meta.nextId > fresh.id)
  queue.apply(queue.create(top, 'b', '', { inodeId: b }))
  const answer = queue.send([], queue.applied + 1, { ids: 10 })
  t.equal(answer.ids, 10)
  t.ok(answer.firstId > fresh.id)
  queue.apply(queue.create(top, 'd', '', { inodeId: answer.firstId + 9 }))
  shard.verify()
  t.end()
})

t.test('nothing happens outside of what the queue holds', t => {
  const wrong = [
    (q: TestQueue, _top: number, other: number) => q.create(other, 'f', ''),
    (q: TestQueue, _top: number, other: number) => q.mkdir(other, 'f'),
    (q: TestQueue, top: number, other: number) => q.rename(top, 'mine', other, 'f'),
    (q: TestQueue, top: number, other: number) => q.rename(other, 'theirs', top, 'f'),
    (q: TestQueue, _top: number, other: number) => q.remove(other, 'theirs'),
    (q: TestQueue, _top: number, other: number) => q.chmod(inodePath(other, 'theirs'), 0o600),
    (q: TestQueue, _top: number, other: number) => q.chmod(inodePath(other), 0o700),
  ]
  for (const make of wrong) {
    const { shard, operator, queue, top } = openLeased()
    const other = operator.mkdir('/other').id
    operator.create('/other/theirs', { content: '' })
    queue.apply(queue.create(top, 'mine', ''))
    const before = operator.names('/other')
    t.match(queue.send([make(queue, top, other)]), { applied: 1, failed: { code: ERRORS.LEASE_LOST.wire } })
    t.same(operator.names('/other'), before)
    t.same(operator.names('/top'), ['mine'])
    shard.verify()
  }
  t.end()
})

t.test('only some methods can be queued, by inode paths, one name at a time', t => {
  const wrong = [
    () => queued(append, { path: inodePath(1, 'f') }),
    () => queued(setXattr, { path: inodePath(1), name: 'user.a', value: Buffer.alloc(1), how: 0 }),
    () => queued(utimes, { path: '/top' }),
    () => queued(rename, { from: '/top/a', to: '/top/b', mode: RENAME.replace }),
    (q: TestQueue, top: number) => q.remove(top, 'd', { recursive: true }),
    (q: TestQueue, top: number) => q.create(top, 'd/f', ''),
    (q: TestQueue, top: number) => ({ ...q.create(top, 'f', ''), request: Buffer.from([9, 9]) }),
    (q: TestQueue, top: number) => q.create(top, 'f', '', { principal: 1 }),
  ]
  for (const make of wrong) {
    const { shard, queue, top } = openLeased()
    const answer = queue.send([make(queue, top)])
    t.equal(answer.applied, 0)
    t.ok([ERRORS.INVALID_ARGUMENT.wire, ERRORS.BAD_FRAME.wire].includes(answer.failed?.code as never))
    shard.verify()
  }
  t.end()
})

t.test('a batch is bounded', t => {
  const { shard, queue, top } = openLeased()
  const many = Array.from({ length: BATCH_OPERATIONS_MAX + 1 }, () => queue.chmod(inodePath(top), 0o755))
  t.throws(() => queue.send(many), { code: 'INVALID_ARGUMENT' })
  t.match(queue.send(many.slice(1)), { applied: BATCH_OPERATIONS_MAX })
  t.throws(() => queue.send([], queue.applied + 1, { ids: 65_537 }), { code: 'INVALID_ARGUMENT' })
  shard.verify()
  t.end()
})

t.test('a revoked queue is refused for good, until it is closed', t => {
  const { shard, queue, top } = openLeased()
  shard.own(revokeQueue, { queueId: QUEUE })
  shard.own(revokeQueue, { queueId: QUEUE })
  shard.own(revokeQueue, { queueId: OTHER })
  t.throws(() => queue.send([queue.create(top, 'f', '')]), { code: 'LEASE_LOST' })
  t.throws(() => queue.acquire(top), { code: 'LEASE_LOST' })
  t.equal(shard.state.leases.count, 0)
  shard.verify()
  queue.close()
  t.throws(() => queue.send([queue.create(top, 'f', '')]), { code: 'NOT_FOUND' })
  shard.verify()
  t.end()
})

t.test('a directory goes back in the order of the queue', t => {
  const { shard, operator, queue, top } = openLeased()
  const second = new TestQueue(shard.operator(), OTHER)
  t.match(second.acquire(top), { granted: false, entries: [] })
  queue.apply(queue.create(top, 'f', 'x'), queue.release(top), queue.release(top))
  t.equal(shard.state.leases.count, 0)
  t.match(second.acquire(top), { granted: true, entries: [{ name: 'f', size: 1 }] })
  t.match(queue.send([queue.release(top)]), { failed: { code: ERRORS.LEASE_LOST.wire } })
  second.apply(second.remove(top, 'f'))
  t.same(operator.names('/top'), [])
  shard.verify()
  t.end()
})

t.test('what is removed is leased no more, nor is anything below it', t => {
  const { shard, operator, queue, top } = openLeased()
  const [a, b] = [queue.mkdir(top, 'a'), queue.mkdir(top, 'b')]
  const c = queue.mkdir(a.inodeId, 'c')
  queue.apply(a, b, c)
  t.equal(shard.state.leases.count, 4)
  queue.apply(queue.remove(top, 'b', { only: REMOVE.directory }))
  t.equal(shard.state.leases.count, 3)
  queue.apply(queue.create(c.inodeId, 'f', ''))
  operator.mkdir('/other')
  operator.remove('/top/a', true)
  t.same([...shard.state.leases.holders.keys()], [top])
  shard.verify()
  while (shard.own<{ left: number }>(reclaim, { max: 2 }).left > 0) shard.verify()
  shard.verify()
  t.match(queue.send([queue.create(c.inodeId, 'g', '')]), { failed: { code: ERRORS.LEASE_LOST.wire } })
  shard.verify()
  t.end()
})

t.test('a file that stays open is leased to the session that sent the batch', t => {
  const { shard, operator, queue, top } = openLeased()
  const file = queue.create(top, 'f', undefined)
  queue.apply(file)
  t.equal(shard.state.sessions.holderOf(file.inodeId), queue.session.clientId)
  t.match(queue.session.completeInline(file.inodeId, 'x'), { kind: KIND.file, size: 1 })
  t.equal(operator.open('/top/f').inline?.toString(), 'x')
  shard.verify()
  t.end()
})

t.test('an inode with names elsewhere is not the queue’s to change', t => {
  const { shard, operator, queue, top } = openLeased()
  const file = queue.create(top, 'f', '')
  queue.apply(file, queue.create(top, 'g', ''))
  operator.mkdir('/other')
  // As a direct call by another session would, after the lease was recalled.
  operator.write(rename, { from: '/top/g', to: '/other/g', mode: RENAME.noReplace })
  queue.apply(queue.link(file.inodeId, top, 'h'), queue.chmod(inodePath(file.inodeId), 0o600))
  operator.write(rename, { from: '/top/h', to: '/other/h', mode: RENAME.noReplace })
  const answer = queue.send([queue.chmod(inodePath(top, 'f'), 0o640)])
  t.match(answer, { failed: { code: ERRORS.LEASE_LOST.wire } })
  t.match(operator.stat('/other/h'), { mode: 0o600 })
  shard.verify()
  t.end()
})
