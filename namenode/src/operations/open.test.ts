import { EXTENTS_PER_COMMIT_MAX } from '@hopbine/common/base/limits.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

function shardWithExtents() {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1', 'n2', 'n3')
  const { id } = operator.create('/f', { replication: 2 })
  const [a, b] = [operator.addBlock(id), operator.addBlock(id)]
  const extents: Extent[] = [
    { offset: 0, length: 10, blockId: a, blockOffset: 0 },
    { offset: 20, length: 10, blockId: b, blockOffset: 5 },
    { offset: 30, length: 10, blockId: a, blockOffset: 50 },
  ]
  operator.complete(id, extents, 60)
  return { shard, operator, id, a, b, extents }
}

t.test('answers the extents that touch the range, whole and in order, and each block once', async t => {
  const { shard, operator, a, b, extents } = shardWithExtents()
  const ask = (offset: number, length: number) => {
    const answer = operator.open('/f', offset, length)
    return [
      answer.extents.map(extent => extents.findIndex(e => e.offset === extent.offset)),
      answer.blocks.length,
    ]
  }
  t.same(ask(0, 100), [[0, 1, 2], 2])
  t.same(ask(9, 1), [[0], 1])
  t.same(ask(10, 10), [[], 0])
  t.same(ask(10, 11), [[1], 1])
  t.same(ask(25, 6), [[1, 2], 2])
  t.same(ask(0, 0), [[], 0])
  t.same(ask(60, 10), [[], 0])
  t.same(ask(2 ** 52, 2 ** 52), [[], 0])
  const { blocks, status } = operator.open('/f')
  t.same(blocks.map(block => block.blockId).sort(), [a, b].sort())
  t.equal(status.size, 60)
  shard.verify()
})

t.test('nodes that live come first', async t => {
  const { shard, operator } = shardWithExtents()
  const members = () => operator.open('/f', 0, 1).blocks[0]?.members.map(member => member.nodeId)
  const order = members()
  shard.time.advance(11_000)
  shard.heartbeat(order?.at(-1) as string)
  t.equal(members()?.[0], order?.at(-1))
  t.same(members()?.slice(1), order?.slice(0, -1))
  shard.verify()
})

t.test('inline bytes come whole, whatever the range', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: 'abcdef' })
  t.equal(operator.open('/f', 4, 1).inline?.toString(), 'abcdef')
  t.equal(operator.open('/f', 100, 1).inline?.toString(), 'abcdef')
  shard.verify()
})

t.test('an answer has at most the extents of one commit, wherever it begins', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const blockId = operator.addBlock(id)
  const count = EXTENTS_PER_COMMIT_MAX + 2
  const extents = Array.from({ length: count }, (_, i) => ({
    offset: i * 2,
    length: 2,
    blockId,
    blockOffset: (count - i) * 2,
  }))
  operator.commit(id, extents.slice(0, 3), 6)
  operator.complete(id, extents.slice(3), count * 2)
  t.equal(operator.open('/f').extents.length, EXTENTS_PER_COMMIT_MAX)
  const inside = operator.open('/f', 1).extents
  t.equal(inside.length, EXTENTS_PER_COMMIT_MAX)
  t.equal(inside[0]?.offset, 0)
  t.equal(operator.open('/f', 4).extents.length, EXTENTS_PER_COMMIT_MAX)
  t.equal(operator.open('/f', 6).extents.length, EXTENTS_PER_COMMIT_MAX - 1)
  shard.verify()
})

t.test('a file that is being written shows what was committed', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const blockId = operator.addBlock(id)
  t.match(operator.open('/f'), { status: { size: 0, flags: 1 }, extents: [] })
  operator.commit(id, [wholeBlock(blockId, 5)], 5)
  t.match(shard.operator().open('/f'), { status: { size: 5, flags: 1 }, extents: [wholeBlock(blockId, 5)] })
  shard.verify()
})

t.test('needs read permission, a file, and a range that is one', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '', mode: 0o640 })
  operator.mkdir('/d')
  operator.symlink('/l', '/none')
  t.throws(() => shard.as('ada').open('/f'), { code: 'ACCESS_DENIED' })
  t.throws(() => operator.open('/d'), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.open('/l'), { code: 'NOT_FOUND' })
  t.throws(() => operator.open('/f', -1, 10), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.open('/f', 0, -1), { code: 'INVALID_ARGUMENT' })
  t.ok(operator.open('/f', 0, Number.MAX_SAFE_INTEGER))
  shard.verify()
})
