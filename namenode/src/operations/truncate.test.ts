import t from 'tap'
import { cellsOf } from '../testing/file-cells.ts'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

function shardWithFile() {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const file = operator.createWithBlock('/f', 100, { replication: 2 })
  const [extent] = operator.open('/f').extents
  return { shard, operator, file, blockId: extent?.blockId as number }
}

t.test('cuts the end off a file with blocks', async t => {
  const { shard, operator, blockId } = shardWithFile()
  t.match(operator.truncate('/f', 30), { size: 30, flags: 0 })
  t.same(operator.open('/f').extents, [wholeBlock(blockId, 30)])
  t.match(operator.summary('/'), { bytes: 30, diskBytes: 60 })
  t.match(shard.events().at(-1), { what: 'truncate', size: 30 })
  operator.truncate('/f', 0)
  t.ok(shard.state.tombstones.get(blockId), 'a block without extents goes')
  t.same(operator.open('/f').extents, [])
  shard.verify()
})

t.test('grows by a hole; what was cut off does not come back', async t => {
  const { shard, operator, blockId } = shardWithFile()
  operator.truncate('/f', 2)
  operator.truncate('/f', 4)
  t.same(cellsOf(operator.open('/f')), [`${blockId}:0`, `${blockId}:1`, 'hole', 'hole'])
  shard.verify()
})

t.test('does the same to inline bytes', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: 'abcdef' })
  operator.truncate('/f', 2)
  operator.truncate('/f', 4)
  t.match(operator.open('/f'), { status: { size: 4, flags: 2 } })
  t.equal(operator.open('/f').inline?.toString(), 'ab')
  operator.truncate('/f', 3)
  t.equal(operator.open('/f').inline?.toString(), 'ab')
  operator.truncate('/f', 0)
  t.match(operator.open('/f'), { status: { size: 0, flags: 0 }, inline: undefined })
  operator.truncate('/f', 10)
  t.match(operator.open('/f'), { status: { size: 10, flags: 0 }, inline: undefined, extents: [] })
  t.match(operator.summary('/'), { bytes: 10 })
  shard.verify()
})

t.test('releases every block of a file however many there are', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  for (let i = 0; i < 1100; i++) {
    const blockId = operator.addBlock(id)
    operator.commit(id, [{ offset: i, length: 1, blockId, blockOffset: 0 }], i + 1)
    shard.heartbeat('n1')
  }
  operator.complete(id, [], 1100)
  operator.truncate('/f', 0)
  t.equal(shard.state.tombstones.count, 1100)
  t.notOk(shard.state.blocks.ofInodeExists(id))
  shard.verify()
})

t.test('a file open elsewhere is refused; the writer itself may', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  const { id } = writer.create('/f')
  const blockId = writer.addBlock(id)
  writer.commit(id, [wholeBlock(blockId, 10)], 10)
  t.throws(() => operator.truncate('/f', 1), { code: 'LEASE_CONFLICT' })
  t.match(writer.truncate('/f', 0), { size: 0, flags: 1 })
  t.notOk(shard.state.tombstones.get(blockId), 'its open block may be written on')
  writer.commit(id, [wholeBlock(blockId, 5)], 5)
  shard.silent = [writer.clientId]
  t.match(operator.truncate('/f', 3), { size: 3, flags: 0 })
  t.throws(() => writer.commit(id, [], 3), { code: 'LEASE_LOST' })
  shard.verify()
})

t.test('growth counts with its copies against quotas; shrinking is always allowed', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/q')
  operator.create('/q/f', { content: 'abc', replication: 2 })
  operator.setQuota('/q', undefined, 8)
  t.throws(() => operator.truncate('/q/f', 5), { code: 'SPACE_QUOTA_EXCEEDED', details: { used: 6 } })
  operator.truncate('/q/f', 4)
  operator.setQuota('/q', undefined, 1)
  operator.truncate('/q/f', 3)
  t.throws(() => operator.truncate('/q/f', 4), { code: 'SPACE_QUOTA_EXCEEDED' })
  shard.verify()
})

t.test('refuses what is no file, bad sizes and those who may not write', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.create('/f', { content: 'abc' })
  t.throws(() => operator.truncate('/d', 0), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.truncate('/none', 0), { code: 'NOT_FOUND' })
  t.throws(() => operator.truncate('/f', -1), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.truncate('/f', 2 ** 52 + 1), { code: 'INVALID_ARGUMENT' })
  t.throws(() => shard.as('ada').truncate('/f', 0), { code: 'ACCESS_DENIED' })
  shard.verify()
})
