import { beginRewrite, finishRewrite } from '@hopbine/common/protocol/cluster.ts'
import { clipExtents, extentDigest } from '@hopbine/common/protocol/extent-window.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { cellsOf } from '../testing/file-cells.ts'
import type { TestSession } from '../testing/test-session.ts'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'
import { reclaim } from './internal.ts'

const extent = (offset: number, length: number, blockId: number, blockOffset: number): Extent => ({
  offset,
  length,
  blockId,
  blockOffset,
})

/** `/f`: 100 bytes in one block, patched twice out of another, with a hole from 100 to 110. */
function patchedFile() {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const [first, second] = [operator.addBlock(id), operator.addBlock(id)] as const
  operator.commit(id, [wholeBlock(first, 100)], 100)
  const patches = [extent(20, 10, second, 0), extent(50, 10, second, 10), extent(110, 10, second, 20)]
  operator.complete(id, patches, 130)
  shard.time.advance(5000)
  return { shard, operator, id, first, second }
}

function move(operator: TestSession, inodeId: number, start: number, end: number, change: object = {}) {
  const { blockId } = operator.write(beginRewrite, { inodeId }).block
  const found = operator.open('/f').extents
  const digest = extentDigest(clipExtents(found, start, end))
  return { inodeId, start, end, digest, blockId, blockOffset: 0, ...change }
}

t.test('a whole file lies together afterwards, and nothing else of it changed', async t => {
  const { shard, operator, id, first, second } = patchedFile()
  const [before, totals] = [operator.stat('/f'), operator.summary('/')]
  const request = move(operator, id, 0, 130)
  t.same(operator.write(finishRewrite, request), { done: true })
  const { blockId } = request
  t.same(operator.open('/f').extents, [extent(0, 100, blockId, 0), extent(110, 10, blockId, 100)])
  t.match(shard.state.blocks.get(blockId), { inodeId: id, liveBytes: 110, length: 110 })
  for (const old of [first, second]) {
    t.equal(shard.state.blocks.get(old), undefined)
    t.match(shard.state.tombstones.get(old), { since: shard.time.host.clock.wall().seconds })
  }
  t.equal(shard.state.tombstones.get(blockId), undefined)
  t.same(operator.stat('/f'), before)
  t.same(operator.summary('/'), totals)
  t.same(operator.write(finishRewrite, request), { done: false }, 'once')
  shard.verify()
})

t.test('ranges one behind the other share a block', async t => {
  const { shard, operator, id, second } = patchedFile()
  const request = move(operator, id, 0, 55)
  const { blockId } = request
  t.same(operator.write(finishRewrite, request), { done: true })
  t.same(operator.open('/f').extents.slice(0, 2), [extent(0, 55, blockId, 0), extent(55, 5, second, 15)])
  const next = move(operator, id, 55, 100, { blockId, blockOffset: 55 })
  t.same(operator.write(finishRewrite, next), { done: true })
  t.same(operator.open('/f').extents, [extent(0, 100, blockId, 0), extent(110, 10, second, 20)])
  shard.verify()
})

t.test('a file that changed meanwhile stays as it is, and the new block goes at once', async t => {
  const changes: Record<string, (operator: TestSession, id: number, block: number) => void> = {
    'a patch': (operator, id, block) => {
      operator.append('/f')
      operator.complete(id, [extent(30, 5, block, 30)], 130)
    },
    'open for writing': operator => operator.append('/f'),
    'cut and grown again at the same time': operator => {
      const { mtime: seconds, mtimeNs: nanos } = operator.stat('/f')
      operator.truncate('/f', 90)
      operator.truncate('/f', 130)
      operator.utimes('/f', { mtime: { seconds, nanos } })
    },
    'inline now': (operator, id) => {
      operator.append('/f')
      operator.completeInline(id, 'small')
    },
    removed: operator => operator.remove('/f'),
  }
  for (const [title, change] of Object.entries(changes)) {
    const { shard, operator, id, second } = patchedFile()
    const request = move(operator, id, 0, 130)
    change(operator, id, second)
    const cells = title === 'removed' ? [] : cellsOf(operator.open('/f'))
    t.same(operator.write(finishRewrite, request), { done: false }, title)
    if (title !== 'removed') t.same(cellsOf(operator.open('/f')), cells, title)
    t.equal(shard.state.blocks.get(request.blockId), undefined, title)
    t.match(shard.state.tombstones.get(request.blockId), { since: shard.time.host.clock.wall().seconds })
    shard.own(reclaim, { max: 100 })
    shard.verify()
  }
})

t.test('what was written elsewhere in the file does not stand in the way', async t => {
  const { shard, operator, id, second } = patchedFile()
  const request = move(operator, id, 0, 100)
  operator.append('/f')
  operator.complete(id, [extent(120, 5, second, 30)], 140)
  operator.chmod('/f', 0o600)
  operator.rename('/f', '/g')
  t.same(operator.write(finishRewrite, request), { done: true })
  t.same(operator.open('/g').extents[0], extent(0, 100, request.blockId, 0))
  t.equal(operator.stat('/g').size, 140)
  shard.verify()
})

t.test('a block whose time is over is not taken any more', async t => {
  const { shard, operator, id } = patchedFile()
  const request = move(operator, id, 0, 130)
  shard.time.advance(3_700_000)
  t.same(operator.write(finishRewrite, request), { done: false })
  t.ok(shard.state.tombstones.get(request.blockId))
  shard.verify()
})

t.test('refuses foreign blocks, wrong ranges and others than datanodes', async t => {
  const { shard, operator, id } = patchedFile()
  const { id: other } = operator.create('/other')
  const foreign = operator.addBlock(other)
  const request = move(operator, id, 0, 130)
  t.throws(() => shard.as('ada').write(finishRewrite, request), { code: 'NOT_PERMITTED' })
  t.same(operator.write(finishRewrite, { ...request, blockId: foreign }), { done: false })
  t.same(operator.write(finishRewrite, { ...request, blockId: 99_999 }), { done: false })
  t.same(operator.write(finishRewrite, { ...request, digest: Buffer.alloc(32) }), { done: false })
  const again = move(operator, id, 0, 130)
  const refusal = { code: 'INVALID_ARGUMENT' }
  const wrong = [
    { start: -1 },
    { end: 0 },
    { end: 2 ** 52 + 1 },
    { blockOffset: -1 },
    { blockOffset: 1024 ** 3 - 109 },
  ]
  for (const change of wrong) {
    t.throws(() => operator.write(finishRewrite, { ...again, ...change }), refusal, JSON.stringify(change))
  }
  shard.verify()
})

t.test('any moves of any file keep every byte where it was', async t => {
  const write = fc.record({ offset: fc.nat(80), length: fc.integer({ min: 1, max: 12 }), block: fc.nat(2) })
  const range = fc.record({ start: fc.nat(70), length: fc.integer({ min: 1, max: 40 }) })
  const property = fc.property(
    fc.array(write, { maxLength: 15 }),
    fc.array(range, { maxLength: 6 }),
    (writes, ranges) => {
      const { shard, operator } = openShard()
      shard.addDatanodes('n1')
      const { id } = operator.create('/f')
      const blocks = [1, 2, 3].map(() => operator.addBlock(id))
      /** What byte of the original blocks each byte of a block is a copy of. */
      const origin = new Map<string, string>()
      let filled = 0
      for (const { offset, length, block } of writes) {
        operator.commit(id, [extent(offset, length, blocks[block] as number, filled)], 100)
        filled += length
      }
      operator.complete(id, [], 100)
      const content = (): string[] => cellsOf(operator.open('/f')).map(cell => origin.get(cell) ?? cell)
      const model = content()
      for (const { start, length } of ranges) {
        const request = move(operator, id, start, start + length)
        let at = 0
        for (const cell of content().slice(start, start + length)) {
          if (cell !== 'hole') origin.set(`${request.blockId}:${at++}`, cell)
        }
        const { done } = operator.write(finishRewrite, request)
        if (done !== at > 0) throw new Error(`done ${done} with ${at} bytes`)
        if (JSON.stringify(content()) !== JSON.stringify(model)) throw new Error('bytes moved')
      }
      shard.verify()
    },
  )
  t.doesNotThrow(() => fc.assert(property, randomRuns(20)))
})
