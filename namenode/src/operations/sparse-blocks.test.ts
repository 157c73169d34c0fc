import { sparseBlocks } from '@hopbine/common/protocol/cluster.ts'
import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

t.test('names the blocks of which more than half is dead, to datanodes only', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const [half, most, none] = [1, 2, 3].map(() => operator.addBlock(id)) as [number, number, number]
  operator.commit(id, [wholeBlock(half, 100)], 300)
  operator.commit(id, [{ offset: 100, length: 100, blockId: most, blockOffset: 0 }], 300)
  operator.commit(id, [{ offset: 50, length: 101, blockId: none, blockOffset: 0 }], 300)
  operator.complete(id, [], 300)
  const ask = (inodeId: number) => operator.read(sparseBlocks, { inodeId }).blockIds
  t.same(ask(id), [most])
  t.same(ask(99_999), [])
  const { principal } = shard.as('ada')
  t.throws(() => shard.read(sparseBlocks, { inodeId: id }, principal), { code: 'NOT_PERMITTED' })
  shard.verify()
})
