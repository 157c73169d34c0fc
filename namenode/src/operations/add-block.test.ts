import { addBlock } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { groupOf, orderOf } from '../namespace/placement.ts'
import { openShard } from '../testing/test-shard.ts'

t.test('gives a leased file a block on the first live nodes of its group', async t => {
  const { shard, operator } = openShard()
  const nodes = ['n1', 'n2', 'n3', 'n4']
  shard.addDatanodes(...nodes)
  const { id } = operator.create('/f', { replication: 3 })
  const { block } = operator.write(addBlock, { inodeId: id, exclude: [] })
  const group = groupOf(block.blockId)
  const wanted = orderOf(
    group,
    nodes.map(nodeId => ({ nodeId })),
  )
  t.equal(block.group, group)
  t.same(
    block.members.map(member => member.nodeId),
    wanted.slice(0, 3).map(node => node.nodeId),
  )
  t.ok(block.capability.length > 0)
  t.equal(shard.state.blocks.get(block.blockId)?.inodeId, id)
  shard.verify()
})

t.test('leaves out nodes that the writer excludes and places fewer copies when fewer live', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1', 'n2')
  const { id } = operator.create('/f', { replication: 3 })
  const members = (exclude: string[]) =>
    operator.write(addBlock, { inodeId: id, exclude }).block.members.map(member => member.nodeId)
  t.same(members([]).sort(), ['n1', 'n2'])
  t.same(members(['n1']), ['n2'])
  t.throws(() => members(['n1', 'n2']), { code: 'NO_DATANODE', retry: 'same-node' })
  shard.time.advance(11_000)
  t.throws(() => members([]), { code: 'NO_DATANODE' }, 'silent nodes get no blocks')
  shard.heartbeat('n2')
  t.same(members([]), ['n2'])
  shard.verify()
})

t.test('no two blocks have one id, and none has an inode’s', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const ids = new Set<number>()
  for (let i = 0; i < 20; i++) {
    const { id } = operator.create(`/f${i}`)
    ids.add(id)
    ids.add(operator.addBlock(id))
  }
  t.equal(ids.size, 40)
  shard.verify()
})

t.test('only the session that has the file open gets one', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const whole = operator.create('/whole', { content: 'x' })
  const refusal = { code: 'LEASE_LOST', errno: 'ESTALE' }
  t.throws(() => shard.operator().addBlock(id), refusal)
  t.throws(() => operator.addBlock(whole.id), refusal)
  t.throws(() => operator.addBlock(99_999), { code: 'STALE' })
  operator.remove('/f')
  t.throws(() => operator.addBlock(id), { code: 'STALE' })
  shard.verify()
})

t.test('what is no file gets no block, whether nodes live or not', async t => {
  const { shard, operator } = openShard()
  const { id: directory } = operator.mkdir('/d')
  const { id: link } = operator.symlink('/l', '/d')
  for (const inodeId of [directory, link, 1, 2]) {
    t.throws(() => operator.addBlock(inodeId), { code: 'LEASE_LOST' }, `inode ${inodeId}`)
  }
  shard.verify()
})
