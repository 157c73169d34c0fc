import { punch } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

t.test('a range of extents goes, and a block that nothing needs any more', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/x')
  const [first, second] = [operator.addBlock(id), operator.addBlock(id)]
  const extents = [wholeBlock(first, 100), { offset: 100, length: 100, blockId: second, blockOffset: 0 }]
  operator.commit(id, extents, 200)
  t.equal(operator.write(punch, { inodeId: id, offset: 50, length: 200 }).status.size, 200)
  t.match(operator.open('/x').extents, [{ offset: 0, length: 50, blockId: first, blockOffset: 0 }])
  operator.complete(id, [], 200)
  t.equal(shard.state.tombstones.count, 1)
  t.match(operator.summary('/'), { bytes: 200 }, 'a hole counts')
  shard.verify()
})

t.test('inline bytes become zeros', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/x', { content: 'hello, world' })
  operator.append('/x')
  operator.write(punch, { inodeId: id, offset: 5, length: 100 })
  operator.write(punch, { inodeId: id, offset: 500, length: 100 })
  t.equal(Buffer.from(operator.open('/x').inline ?? []).toString(), `hello${'\0'.repeat(7)}`)
  shard.verify()
})

t.test('refuses ranges outside of any file and who does not hold the lease', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/x', { content: 'hello' })
  t.throws(() => operator.write(punch, { inodeId: id, offset: 0, length: 1 }), { code: 'LEASE_LOST' })
  operator.append('/x')
  for (const [offset, length] of [
    [-1, 5],
    [0, 0],
    [0, -1],
    [2 ** 52, 1],
  ] as const) {
    t.throws(() => operator.write(punch, { inodeId: id, offset, length }), { code: 'INVALID_ARGUMENT' })
  }
  shard.verify()
})
