import { beginRewrite, confirmTombstones, liveBlocks } from '@hopbine/common/protocol/cluster.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('reserves a block that no file has yet and nobody may drop', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1', 'n2')
  const { id } = operator.createWithBlock('/f', 100, { replication: 2 })
  const before = operator.stat('/f')
  const { block } = operator.write(beginRewrite, { inodeId: id })
  t.equal(block.members.length, 2)
  t.ok(block.capability.length > 0)
  t.equal(shard.state.blocks.get(block.blockId), undefined)
  t.ok((shard.state.tombstones.get(block.blockId)?.since ?? 0) >= shard.time.host.clock.wall().seconds + 3600)
  t.same(operator.read(liveBlocks, { blockIds: [block.blockId] }).live, [true])
  t.same(operator.stat('/f'), before)
  shard.verify()
})

t.test('goes by itself when nothing came of it', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.createWithBlock('/f', 100)
  const { blockId } = operator.write(beginRewrite, { inodeId: id }).block
  const { tombstones } = shard.state
  const seconds = (): number => shard.time.host.clock.wall().seconds
  t.same(tombstones.page(0, seconds(), 10), [], 'no datanode hears of it')
  shard.time.advance(3_601_000)
  t.match(tombstones.page(0, seconds(), 10), [{ blockId }])
  operator.write(confirmTombstones, { nodeId: 'n1', blockIds: [blockId] })
  t.equal(tombstones.get(blockId), undefined)
  shard.verify()
})

t.test('refuses what is open, gone, without blocks or asked by others', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const begin = (inodeId: number) => operator.write(beginRewrite, { inodeId })
  const { id } = operator.createWithBlock('/f', 100)
  const { id: small } = operator.create('/small', { content: 'x' })
  const { id: directory } = operator.mkdir('/d')
  for (const inodeId of [small, directory, 1, 99_999]) {
    t.throws(() => begin(inodeId), { code: 'STALE' }, `inode ${inodeId}`)
  }
  t.throws(() => shard.as('ada').write(beginRewrite, { inodeId: id }), { code: 'NOT_PERMITTED' })
  operator.append('/f')
  t.throws(() => begin(id), { code: 'LEASE_CONFLICT' })
  operator.complete(id, [], 100)
  operator.remove('/f')
  t.throws(() => begin(id), { code: 'STALE' }, 'a removed file waits for reclaim')
  shard.verify()
})

t.test('waits until there is a place for every copy', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1', 'n2')
  const { id } = operator.createWithBlock('/f', 100, { replication: 3 })
  t.equal(operator.write(beginRewrite, { inodeId: id }).block.members.length, 2, 'there are only two')
  shard.time.advance(11_000)
  shard.heartbeat('n1')
  t.throws(() => operator.write(beginRewrite, { inodeId: id }), { code: 'NO_DATANODE' })
  shard.verify()
})
