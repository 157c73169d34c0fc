import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

t.test('commits the last ranges and gives the lease back', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const [used, unused] = [operator.addBlock(id), operator.addBlock(id)]
  const status = operator.complete(id, [wholeBlock(used, 7)], 7)
  t.match(status, { size: 7, flags: 0 })
  t.equal(shard.state.sessions.holderOf(id), '')
  t.ok(shard.state.tombstones.get(unused), 'a block that nothing uses goes')
  t.match(shard.events().at(-1), { what: 'complete', inodeId: id, size: 7 })
  t.throws(() => operator.complete(id, [], 7), { code: 'LEASE_LOST' })
  shard.verify()
})

t.test('inline bytes take the place of everything the file had', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.createWithBlock('/f', 100, { replication: 3 })
  const { id } = operator.append('/f')
  t.match(operator.completeInline(id, 'small'), { size: 5, flags: 2 })
  t.match(operator.open('/f'), { extents: [] })
  t.equal(operator.open('/f').inline?.toString(), 'small')
  t.match(operator.summary('/'), { bytes: 5, diskBytes: 15 })
  t.equal(shard.state.tombstones.count, 1)
  operator.append('/f')
  t.match(operator.completeInline(id, ''), { size: 0, flags: 0 })
  t.equal(operator.open('/f').inline, undefined)
  shard.verify()
})

t.test('a longer inline file is cut to its new size', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/f', { content: 'abcdef' })
  operator.append('/f')
  operator.complete(id, [], 2)
  operator.truncate('/f', 6)
  t.equal(operator.open('/f').inline?.toString(), 'ab')
  shard.verify()
})

t.test('growth counts against quotas; a refused complete leaves the file open', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.mkdir('/q')
  operator.setQuota('/q', undefined, 10)
  const { id } = operator.create('/q/f')
  const blockId = operator.addBlock(id)
  t.throws(() => operator.complete(id, [wholeBlock(blockId, 11)], 11), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.throws(() => operator.completeInline(id, 'x'.repeat(11)), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.match(operator.stat('/q/f'), { size: 0, flags: 1 })
  t.match(operator.complete(id, [wholeBlock(blockId, 10)], 10), { size: 10 })
  shard.verify()
})

t.test('refuses too many inline bytes and strangers', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/f')
  t.throws(() => operator.completeInline(id, Buffer.alloc(65_537)), { code: 'INVALID_ARGUMENT' })
  t.throws(() => shard.operator().complete(id, [], 0), { code: 'LEASE_LOST' })
  t.throws(() => operator.complete(99_999, [], 0), { code: 'LEASE_LOST' })
  t.match(operator.completeInline(id, Buffer.alloc(65_536)), { size: 65_536 })
  shard.verify()
})

t.test('a new file is found by its name from its creation on and keeps its inode', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/f')
  operator.rename('/f', '/g')
  t.match(operator.complete(id, [], 0), { id, name: 'g', flags: 0 })
  t.match(shard.events().at(-1), { what: 'complete', name: 'g', inodeId: id })
  shard.verify()
})
