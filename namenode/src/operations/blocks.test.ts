import { confirmTombstones, listBlocks, liveBlocks } from '@hopbine/common/protocol/cluster.ts'
import t from 'tap'
import { groupOf } from '../namespace/placement.ts'
import { openShard } from '../testing/test-shard.ts'
import { reclaim } from './internal.ts'

t.test('confirmTombstones drops a tombstone when every registered node has confirmed it', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1', 'n2')
  const [a, b] = ['/a', '/b'].map(path => {
    operator.createWithBlock(path, 10)
    return operator.open(path).extents[0]?.blockId as number
  }) as [number, number]
  operator.remove('/a')
  operator.remove('/b')
  shard.own(reclaim, { max: 100 })
  const { tombstones } = shard.state
  operator.write(confirmTombstones, { nodeId: 'n2', blockIds: [a, 99_999] })
  t.equal(tombstones.get(a)?.confirmed, 'n2')
  operator.write(confirmTombstones, { nodeId: 'n2', blockIds: [a] })
  t.equal(tombstones.get(a)?.confirmed, 'n2', 'once is enough')
  operator.write(confirmTombstones, { nodeId: 'n1', blockIds: [a] })
  t.equal(tombstones.get(a), undefined)
  t.ok(tombstones.get(b))
  t.throws(() => shard.as('ada').write(confirmTombstones, { nodeId: 'n1', blockIds: [b] }), {
    code: 'NOT_PERMITTED',
  })
  shard.verify()
})

t.test('liveBlocks says for each block whether its bytes may be needed', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/open')
  const unused = operator.addBlock(id)
  operator.createWithBlock('/f', 10)
  const used = operator.open('/f').extents[0]?.blockId as number
  const ask = (...blockIds: number[]) => operator.read(liveBlocks, { blockIds }).live
  t.same(ask(unused, used, 1, 99_999), [true, true, false, false])
  operator.remove('/f')
  t.same(ask(used), [true], 'until it is a tombstone')
  shard.own(reclaim, { max: 100 })
  t.same(ask(used), [true], 'a fresh tombstone is held for restored backups')
  t.same(ask(), [])
  t.throws(() => shard.as('ada').read(liveBlocks, { blockIds: [] }), { code: 'NOT_PERMITTED' })
  shard.verify()
})

t.test('listBlocks tells every block in order, page by page', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const blocks = [1, 2, 3].map(() => operator.addBlock(id))
  operator.commit(id, [{ offset: 0, length: 5, blockId: blocks[1] as number, blockOffset: 2 }], 5)
  const all = operator.read(listBlocks, { after: 0, max: 0 })
  t.match(all, {
    blocks: blocks.map((blockId, i) => ({
      blockId,
      group: groupOf(blockId),
      inodeId: id,
      length: i === 1 ? 7 : 0,
      open: true,
    })),
    more: false,
  })
  t.match(operator.read(listBlocks, { after: 0, max: 2 }), { blocks: all.blocks.slice(0, 2), more: true })
  t.match(operator.read(listBlocks, { after: blocks[1] as number, max: 2 }), {
    blocks: all.blocks.slice(2),
    more: false,
  })
  operator.complete(id, [], 5)
  t.match(operator.read(listBlocks, { after: 0, max: 0 }).blocks, [{ blockId: blocks[1], open: false }])
  t.throws(() => shard.as('ada').read(listBlocks, { after: 0, max: 0 }), { code: 'NOT_PERMITTED' })
  shard.verify()
})
