import { EXTENTS_PER_COMMIT_MAX } from '@hopbine/common/base/limits.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { cellsOf } from '../testing/file-cells.ts'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

const extent = (offset: number, length: number, blockId: number, blockOffset: number): Extent => ({
  offset,
  length,
  blockId,
  blockOffset,
})

function openFile(replication = 1) {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f', { replication })
  return { shard, operator, id, block: operator.addBlock(id) }
}

t.test('written ranges become part of the file, which stays open', async t => {
  const { shard, operator, id, block } = openFile(2)
  const status = operator.commit(id, [wholeBlock(block, 100)], 100)
  t.match(status, { size: 100, flags: 1 })
  const { extents, blocks } = operator.open('/f')
  t.same(extents, [wholeBlock(block, 100)])
  t.match(blocks, [{ blockId: block, members: [{ nodeId: 'n1' }] }])
  t.match(operator.summary('/'), { bytes: 100, diskBytes: 200 })
  t.match(shard.events().at(-1), { what: 'commit', inodeId: id, size: 100 })
  shard.verify()
})

t.test('ranges that go on where the last one ended become one', async t => {
  const { shard, operator, id, block } = openFile()
  operator.commit(id, [extent(0, 10, block, 0), extent(10, 10, block, 10)], 20)
  operator.commit(id, [extent(20, 5, block, 20)], 25)
  t.same(operator.open('/f').extents, [extent(0, 25, block, 0)])
  operator.commit(id, [extent(25, 5, block, 100)], 30)
  t.equal(operator.open('/f').extents.length, 2, 'a gap in the block parts them')
  shard.verify()
})

t.test('a later range wins, trims and splits', async t => {
  const { shard, operator, id, block } = openFile()
  operator.commit(id, [extent(0, 100, block, 0)], 100)
  operator.commit(id, [extent(40, 20, block, 200)], 100)
  t.same(operator.open('/f').extents, [
    extent(0, 40, block, 0),
    extent(40, 20, block, 200),
    extent(60, 40, block, 60),
  ])
  t.match(shard.state.blocks.get(block), { liveBytes: 100, length: 220 })
  operator.commit(id, [extent(0, 100, block, 300)], 100)
  t.same(operator.open('/f').extents, [extent(0, 100, block, 300)])
  shard.verify()
})

t.test('the size may grow by a hole and shrink', async t => {
  const { shard, operator, id, block } = openFile()
  operator.commit(id, [extent(10, 10, block, 0)], 50)
  t.match(operator.stat('/f'), { size: 50 })
  operator.commit(id, [], 15)
  t.same(operator.open('/f').extents, [extent(10, 5, block, 0)])
  operator.commit(id, [], 0)
  t.same(operator.open('/f').extents, [])
  t.match(operator.summary('/'), { bytes: 0 })
  shard.verify()
})

t.test(
  'extents take the place of inline bytes; without extents inline bytes stay, cut to the size',
  async t => {
    const { shard, operator } = openShard()
    shard.addDatanodes('n1')
    const { id } = operator.create('/f', { content: '0123456789' })
    operator.append('/f')
    operator.commit(id, [], 4)
    operator.commit(id, [], 10)
    t.equal(operator.open('/f').inline?.toString(), '0123', 'what was cut off does not come back')
    t.equal(operator.stat('/f').size, 10)
    const block = operator.addBlock(id)
    operator.commit(id, [extent(2, 3, block, 0)], 10)
    t.match(operator.open('/f'), { inline: undefined, extents: [extent(2, 3, block, 0)] })
    operator.complete(id, [], 10)
    shard.verify()
  },
)

t.test('refuses extents that are not well formed or not of this file', async t => {
  const { shard, operator, id, block } = openFile()
  const { id: otherId } = operator.create('/other')
  const foreign = operator.addBlock(otherId)
  const refusal = { code: 'INVALID_ARGUMENT', errno: 'EINVAL' }
  const refused: [string, Extent[], number][] = [
    ['behind the size', [extent(5, 10, block, 0)], 14],
    ['before the file', [extent(-1, 10, block, 0)], 100],
    ['empty', [extent(0, 0, block, 0)], 100],
    ['negative', [extent(10, -5, block, 0)], 100],
    ['before the block', [extent(0, 10, block, -1)], 100],
    ['behind the end of any block', [extent(0, 10, block, 1024 ** 3 - 9)], 100],
    ['far behind', [extent(0, 10, block, Number.MAX_SAFE_INTEGER)], 100],
    ['another file’s block', [extent(0, 10, foreign, 0)], 100],
    ['no block', [extent(0, 10, 1, 0)], 100],
    ['an inode', [extent(0, 10, id, 0)], 100],
    ['one of many', [extent(0, 10, block, 0), extent(10, 10, foreign, 0)], 100],
    ['negative size', [], -1],
    ['size beyond all files', [], 2 ** 52 + 1],
  ]
  for (const [title, extents, size] of refused) {
    t.throws(() => operator.commit(id, extents, size), refusal, title)
  }
  t.same(operator.open('/f').extents, [])
  shard.verify()
})

t.test('takes the most extents in one commit and refuses one more', async t => {
  const { shard, operator, id, block } = openFile()
  // Backwards in the block, so that none continues the one before.
  const many = (count: number): Extent[] =>
    Array.from({ length: count }, (_, i) => extent(i * 2, 1, block, 100_000 - i))
  t.throws(() => operator.commit(id, many(EXTENTS_PER_COMMIT_MAX + 1), 100_000), {
    code: 'INVALID_ARGUMENT',
  })
  operator.commit(id, many(EXTENTS_PER_COMMIT_MAX), 100_000)
  t.equal(shard.state.extents.count(id), EXTENTS_PER_COMMIT_MAX)
  shard.verify()
})

t.test('growth counts with its copies against every quota above', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.mkdirs('/q/low')
  operator.setQuota('/q', undefined, 100)
  const { id } = operator.create('/q/low/f', { replication: 2 })
  const block = operator.addBlock(id)
  t.throws(() => operator.commit(id, [extent(0, 51, block, 0)], 51), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.same(operator.open('/q/low/f').extents, [])
  operator.commit(id, [extent(0, 50, block, 0)], 50)
  t.throws(() => operator.commit(id, [], 51), { code: 'SPACE_QUOTA_EXCEEDED' })
  operator.commit(id, [extent(0, 50, block, 50)], 50)
  t.match(operator.summary('/q'), { diskBytes: 100 })
  shard.verify()
})

t.test('only the session that has the file open commits', async t => {
  const { shard, operator, id, block } = openFile()
  const extents = [extent(0, 1, block, 0)]
  t.throws(() => shard.operator().commit(id, extents, 1), { code: 'LEASE_LOST' })
  operator.complete(id, extents, 1)
  t.throws(() => operator.commit(id, extents, 1), { code: 'LEASE_LOST' })
  shard.verify()
})

t.test('any sequence of commits reads like the same writes to an array', async t => {
  const write = fc.record({
    offset: fc.nat(40),
    length: fc.integer({ min: 1, max: 15 }),
    blockOffset: fc.nat(60),
    block: fc.nat(1),
    size: fc.nat(60),
  })
  const property = fc.property(fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 12 }), commits => {
    const { shard, operator, id, block } = openFile()
    const blocks = [block, operator.addBlock(id)]
    let model: string[] = []
    for (const writes of commits) {
      const size = writes.at(-1)?.size ?? 0
      const extents = writes
        .filter(({ offset, length }) => offset + length <= size)
        .map(w => extent(w.offset, w.length, blocks[w.block] as number, w.blockOffset))
      operator.commit(id, extents, size)
      for (const { offset, length, blockId, blockOffset } of extents) {
        for (let i = 0; i < length; i++) model[offset + i] = `${blockId}:${blockOffset + i}`
      }
      model = Array.from({ length: size }, (_, i) => model[i] ?? 'hole')
      const found = cellsOf(operator.open('/f'))
      if (JSON.stringify(found) !== JSON.stringify(model)) throw new Error(`${found} is not ${model}`)
    }
    shard.verify()
  })
  t.doesNotThrow(() => fc.assert(property, randomRuns(40)))
})
