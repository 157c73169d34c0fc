import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard, type TestShard } from '../testing/test-shard.ts'
import { closeSession, expireSessions, noop, reclaim } from './internal.ts'

function waiting(shard: TestShard): { children: number; files: number; directories: number; bytes: number } {
  const { directories: d } = shard.state
  const slot = d.slotOf(RECLAIM_INODE)
  const [children, files, directories, bytes] = [d.children, d.files, d.directories, d.bytes].map(
    c => c[slot],
  )
  return { children, files, directories, bytes } as ReturnType<typeof waiting>
}

function reclaimAll(shard: TestShard, max: number): number {
  for (let steps = 1; ; steps++) {
    const before = waiting(shard)
    const { left } = shard.own<{ left: number }>(reclaim, { max })
    const after = waiting(shard)
    const gone = before.files + before.directories - after.files - after.directories
    if (gone > max + 1) throw new Error(`${gone} inodes went in a step of ${max}`)
    if (left !== after.children) throw new Error(`${left} is not ${after.children}`)
    if (left === 0) return steps
    if (steps > 10_000) throw new Error('reclaim does not end')
  }
}

t.test('the first entry of a term changes nothing', async t => {
  const { shard } = openShard()
  t.same(shard.own(noop, {}), {})
  t.same(shard.events(), [])
  shard.verify()
})

t.test('a removed tree is taken apart in bounded steps until nothing of it is left', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  for (let i = 0; i < 5; i++) {
    operator.mkdirs(`/t/a${i}/b/c`)
    for (let j = 0; j < 5; j++) operator.create(`/t/a${i}/b/f${j}`, { content: 'x' })
    operator.createWithBlock(`/t/a${i}/blocks`, 10)
    operator.symlink(`/t/a${i}/l`, 'x')
  }
  operator.remove('/t', true)
  t.match(waiting(shard), { children: 1, files: 35, directories: 16, bytes: 80 })
  t.ok(reclaimAll(shard, 4) > 10)
  t.same(waiting(shard), { children: 0, files: 0, directories: 0, bytes: 0 })
  t.equal(shard.state.tombstones.count, 5)
  const rows = shard.state.db.prepare<[], number>('SELECT count(*) FROM entry').pluck().get()
  t.equal(rows, 3, 'the root and the two hidden directories')
  shard.verify()
})

t.test('a file of many extents and blocks is taken apart in steps too', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  for (let i = 0; i < 30; i++) {
    const blockId = operator.addBlock(id)
    const extents = [0, 1, 2].map(k => ({ offset: i * 6 + k * 2, length: 1, blockId, blockOffset: k * 3 }))
    operator.commit(id, extents, i * 6 + 6)
  }
  operator.complete(id, [], 180)
  operator.remove('/f')
  t.ok(reclaimAll(shard, 7) >= 90 / 7)
  t.equal(shard.state.tombstones.count, 30)
  t.equal(shard.state.extents.count(id), 0)
  shard.verify()
})

t.test('files that were open in a removed tree close with it', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  operator.mkdir('/t')
  const { id } = writer.create('/t/f')
  writer.addBlock(id)
  const { id: empty } = writer.create('/t/g')
  operator.remove('/t', true)
  reclaimAll(shard, 3)
  t.equal(shard.state.sessions.openFiles, 0)
  for (const inodeId of [id, empty]) t.throws(() => writer.complete(inodeId, [], 0), { code: 'LEASE_LOST' })
  shard.verify()
})

t.test('steps of any size give the same end, whatever else goes on', async t => {
  const property = fc.property(
    fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.boolean()), { maxLength: 25 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
    (made, steps) => {
      const { shard, operator } = openShard()
      made.forEach(([a, b, isFile], i) => {
        if (isFile) operator.create(`/${a}/${b}/f${i}`, { content: 'x'.repeat(i), createParents: true })
        else operator.mkdirs(`/${a}/${b}/d${i}/e`)
        if (i % 5 === 4) operator.remove(`/${a}`, true)
        shard.own(reclaim, { max: steps[i % steps.length] })
      })
      const before = operator.summary('/')
      reclaimAll(shard, steps[0] as number)
      t.strictSame(operator.summary('/'), before, 'what clients see does not change')
      shard.verify()
    },
  )
  fc.assert(property, randomRuns(25))
})

t.test('a session that is taken for dead loses its files, which close at what it committed', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  const [a, b] = [writer.create('/a').id, writer.create('/b').id]
  const blockId = writer.addBlock(a)
  writer.commit(a, [wholeBlock(blockId, 5)], 5)
  const other = operator.create('/c').id
  shard.own(closeSession, { clientId: writer.clientId })
  t.match(operator.stat('/a'), { size: 5, flags: 0 })
  t.match(operator.stat('/b'), { size: 0, flags: 0 })
  t.match(operator.stat('/c'), { flags: 1 })
  t.match(shard.events().slice(-2), [
    { what: 'lease-expired', inodeId: a, user: 'hopbine' },
    { what: 'lease-expired', inodeId: b },
  ])
  t.equal(shard.state.sessions.holderOf(other), operator.clientId)
  t.throws(() => writer.complete(a, [], 5), { code: 'LEASE_LOST' })
  t.same(shard.own(closeSession, { clientId: 'nobody' }), {})
  shard.verify()
})

t.test('idle sessions are forgotten, those with leases or newer writes are not', async t => {
  const { shard, operator } = openShard()
  const [idle, writer, late] = [shard.operator(), shard.operator(), shard.operator()]
  idle.mkdir('/idle')
  writer.create('/open')
  late.mkdir('/late')
  shard.time.advance(10_000)
  const { seconds } = shard.time.host.clock.wall()
  const { sessions } = shard.state
  t.same(sessions.idleSince(seconds - 5, 10), [idle.clientId, late.clientId])
  t.same(sessions.idleSince(seconds - 5, 1), [idle.clientId])
  t.same(sessions.idleSince(seconds - 11, 10), [])
  late.mkdir('/late2')
  const clientIds = [idle, writer, late].map(session => session.clientId)
  shard.own(expireSessions, { clientIds: [...clientIds, 'nobody'], seconds: seconds - 5 })
  t.equal(sessions.count, 2)
  t.equal(sessions.holders().length, 1)
  operator.mkdir('/more')
  shard.verify()
})
