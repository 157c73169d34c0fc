import { RENAME, rename, statfs, summary } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import type { Room } from '../store/quota-reserves.ts'
import { TestQueue } from '../testing/test-queue.ts'
import { openShard, type TestShard } from '../testing/test-shard.ts'

const QUEUE = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)

/** A directory with a quota of names and bytes, and a queue that holds it. */
function limited(names: number, bytes = -1) {
  const { shard, operator } = openShard()
  const { id } = operator.mkdir('/q')
  operator.setQuota('/q', names, bytes)
  const queue = new TestQueue(shard.operator(), QUEUE)
  return { shard, operator, id, queue, grant: queue.acquire(id) }
}

const within = (shard: TestShard, id: number): Room =>
  shard.state.leases.reserves.within(shard.state.directories.slotOf(id))

t.test('a grant below a quota sets an eighth of what is left aside', t => {
  const { shard, id, grant } = limited(401, 4000)
  t.match(grant, { granted: true, quotaRoot: id, names: 50, diskBytes: 500 })
  t.same(within(shard, id), { names: 50, diskBytes: 500 })
  t.same(within(shard, 1), { names: 50, diskBytes: 500 }, 'also above')
  shard.verify()
  t.end()
})

t.test('what a batch uses takes the place of what was set aside', t => {
  const { shard, id, queue } = limited(401, 4000)
  const { reserves } = queue.send([queue.create(id, 'f', 'x'.repeat(100)), queue.mkdir(id, 'd')])
  t.same(reserves, [{ quotaRoot: id, names: 48, diskBytes: 400 }])
  const removed = queue.send([queue.remove(id, 'f'), queue.create(id, 'g', 'x'.repeat(30))])
  t.same(removed.reserves, [{ quotaRoot: id, names: 48, diskBytes: 400 }], 'what is freed is nobody’s')
  const asked = queue.send([], queue.applied + 1, { names: 1000, diskBytes: 1000 })
  // 398 names and 3,970 bytes are not used.
  t.same(asked.reserves, [{ quotaRoot: id, names: 49, diskBytes: 496 }])
  shard.verify()
  t.end()
})

t.test('a whole reserve can be used by a batch, however little is left besides', t => {
  const { shard, operator, id, queue, grant } = limited(33)
  t.equal(grant.names, 4)
  for (let i = 0; i < 28; i++) operator.create(`/q/other${i}`, { content: '' })
  t.throws(() => operator.create('/q/more', { content: '' }), { code: 'LEASED' })
  shard.verify()
  queue.apply(...[0, 1, 2, 3].map(i => queue.create(id, `own${i}`, '')))
  t.throws(() => operator.create('/q/more', { content: '' }), { code: 'LEASED' }, 'something may be free')
  t.match(queue.send([queue.mkdir(id, 'more')]), { failed: { message: /names quota/ } })
  t.throws(() => operator.create('/q/more', { content: '' }), { code: 'NAME_QUOTA_EXCEEDED' })
  shard.verify()
  t.end()
})

t.test('what only a reserve stands in the way of is not decided, and is when it is given back', t => {
  const { shard, operator, id, queue } = limited(-1, 1000)
  operator.create('/q/a', { content: 'x'.repeat(400) })
  t.throws(() => operator.create('/q/b', { content: 'x'.repeat(500) }), {
    code: 'LEASED',
    details: { inodeId: id },
  })
  queue.apply(queue.release(id))
  t.same(within(shard, id), { names: 0, diskBytes: 0 })
  t.throws(() => operator.create('/q/b', { content: 'x'.repeat(700) }), { code: 'SPACE_QUOTA_EXCEEDED' })
  operator.create('/q/b', { content: 'x'.repeat(600) })
  shard.verify()
  t.end()
})

t.test('a reserve goes with the last directory below its quota, however that ends', t => {
  const ends: ((queue: TestQueue, id: number, sub: number, shard: TestShard) => void)[] = [
    (queue, id, sub) => queue.apply(queue.release(sub), queue.release(id)),
    queue => queue.close(),
    (queue, id) => {
      t.match(queue.send([queue.remove(id, 'missing')]), { failed: { message: /missing/ } })
    },
    (_queue, _id, _sub, shard) => shard.operator().remove('/q', true),
  ]
  for (const end of ends) {
    const { shard, id, queue } = limited(401)
    const made = queue.mkdir(id, 'sub')
    queue.apply(made)
    t.equal(within(shard, 1).names, 49)
    end(queue, id, made.inodeId, shard)
    t.same(within(shard, 1), { names: 0, diskBytes: 0 })
    shard.verify()
  }
  t.end()
})

t.test('quotas within one another: each reserve counts at all of them, each use at its own', t => {
  const { shard, operator } = openShard()
  const [outer, inner] = [operator.mkdir('/q').id, operator.mkdir('/q/in').id]
  operator.setQuota('/q', 4000, -1)
  operator.setQuota('/q/in', 400, -1)
  const queue = new TestQueue(shard.operator(), QUEUE)
  t.match(queue.acquire(outer), { quotaRoot: outer, names: 499 })
  t.match(queue.acquire(inner), { quotaRoot: inner, names: 49 })
  t.equal(within(shard, outer).names, 548)
  const { reserves } = queue.send([
    queue.create(inner, 'a', ''),
    queue.create(inner, 'b', ''),
    queue.create(outer, 'c', ''),
  ])
  t.match(reserves, [
    { quotaRoot: outer, names: 498 },
    { quotaRoot: inner, names: 47 },
  ])
  const other = new TestQueue(shard.operator(), OTHER)
  operator.mkdir('/q/in/else')
  t.match(other.acquire(operator.mkdir('/q/other').id), { granted: false, reason: /another queue/ })
  shard.verify()
  t.end()
})

t.test('a leased directory comes below another quota only when nobody holds it', t => {
  const { shard, operator, id, queue } = limited(100)
  const made = queue.mkdir(id, 'sub')
  queue.apply(made)
  operator.mkdir('/far')
  const move = { from: '/q/sub', to: '/far/sub', mode: RENAME.replace }
  t.throws(() => operator.write(rename, move), { code: 'LEASED', details: { inodeId: made.inodeId } })
  t.throws(() => operator.setQuota('/q', 50, -1), { code: 'LEASED', details: { inodeId: id } })
  queue.apply(queue.release(made.inodeId))
  operator.write(rename, move)
  queue.apply(queue.release(id))
  operator.setQuota('/q', 50, -1)
  shard.verify()
  t.end()
})

t.test('a quota with its reserve moves with its directory', t => {
  const { shard, operator } = openShard()
  for (const path of ['/a', '/b', '/b/c']) operator.mkdir(path)
  const { id } = operator.mkdir('/a/q')
  operator.setQuota('/a/q', 400, -1)
  const queue = new TestQueue(shard.operator(), QUEUE)
  t.equal(queue.acquire(id).names, 49)
  operator.write(rename, { from: '/a/q', to: '/b/q', mode: RENAME.replace })
  shard.verify()
  operator.write(rename, { from: '/b/q', to: '/a', mode: RENAME.exchange })
  t.equal(within(shard, operator.stat('/b').id).names, 0)
  t.equal(within(shard, id).names, 49)
  shard.verify()
  t.end()
})

t.test('what is set aside is not used', t => {
  const { operator, queue, id } = limited(100, 1000)
  queue.apply(queue.create(id, 'f', 'abc'))
  t.match(operator.read(statfs, { path: '/q' }), { names: 2, namesFree: 98, usedBytes: 3 })
  t.match(operator.read(summary, { path: '/q' }), { files: 1, directories: 1, diskBytes: 3 })
  t.end()
})

t.test('a batch sent again, and one with numbers that are no counts', t => {
  const { shard, id, queue } = limited(100)
  const batch = [queue.create(id, 'f', '')]
  const first = queue.send(batch)
  t.same(queue.send(batch, 1).reserves, first.reserves)
  t.throws(() => queue.send([], 2, { names: -1 }), { code: 'INVALID_ARGUMENT' })
  t.same(queue.send([], 2, { names: 2 ** 40, diskBytes: 2 ** 50 }).reserves[0]?.diskBytes, 2 ** 28)
  shard.verify()
  t.end()
})
