import type { Extent } from '@hopbine/common/protocol/types.ts'
import fc from 'fast-check'
import t from 'tap'
import { coalesce } from './extents.ts'
import { GATHER_BYTES_MAX, planReads, planSteps, RUN_BYTES_MIN, type Step } from './read-plan.ts'

const KIB = 1024
const MIB = 1024 * 1024
const extent = (offset: number, length: number, blockId: number, blockOffset: number): Extent => ({
  offset,
  length,
  blockId,
  blockOffset,
})

const kinds = (steps: Iterable<Step>): string[] =>
  [...steps].map(step => `${step.kind} ${step.offset} ${step.length}`)

t.test('a file of whole blocks is read as one stream per block', async t => {
  const extents = [extent(0, 128 * MIB, 1, 0), extent(128 * MIB, 20 * MIB, 2, 0)]
  t.same(kinds(planSteps(extents, 0, 148 * MIB)), [`run 0 ${128 * MIB}`, `run ${128 * MIB} ${20 * MIB}`])
})

t.test('a long hole is a step of its own and a short one is part of a gather', async t => {
  const extents = [extent(0, 10, 1, 0), extent(20, 10, 1, 10), extent(4 * MIB, 10, 1, 20)]
  t.same(kinds(planSteps(extents, 0, 4 * MIB + 10)), [
    'gather 0 30',
    `hole 30 ${4 * MIB - 30}`,
    `gather ${4 * MIB} 10`,
  ])
})

t.test('a gather stops where a stream begins', async t => {
  const extents = [extent(0, 100, 1, 0), extent(100, RUN_BYTES_MIN, 2, 0)]
  t.same(kinds(planSteps(extents, 0, 100 + RUN_BYTES_MIN)), ['gather 0 100', `run 100 ${RUN_BYTES_MIN}`])
})

t.test(
  'pieces that lie near each other in a block are one read, whatever their order in the file',
  async t => {
    const reads = planReads([
      extent(0, 4 * KIB, 7, 8 * KIB),
      extent(99, 4 * KIB, 7, 0),
      extent(5_000, 4 * KIB, 8, 0),
    ])
    t.same(
      reads.map(({ blockId, blockOffset, length, pieces }) => [blockId, blockOffset, length, pieces.length]),
      [
        [7, 0, 12 * KIB, 2],
        [8, 0, 4 * KIB, 1],
      ],
    )
  },
)

t.test('a read whose pieces go to different places stays within a megabyte', async t => {
  const pieces = Array.from({ length: 1000 }, (_, i) => extent(i * 16 * KIB, 4 * KIB, 1, i * 8 * KIB))
  const reads = planReads(pieces)
  for (const read of reads) t.ok(read.length <= MIB && !read.isStraight)
  t.ok(reads.length < 12)
})

t.test(
  'what lies in the file as in the block is one straight read, and what overwrites it comes after',
  async t => {
    const base = Array.from({ length: 100 }, (_, i) => extent(i * 8 * KIB, 4 * KIB, 1, i * 8 * KIB))
    const newer = Array.from({ length: 99 }, (_, i) => extent(i * 8 * KIB + 4 * KIB, 4 * KIB, 2, i * 4 * KIB))
    const extents = [...base, ...newer].sort((a, b) => a.offset - b.offset)
    const [gather] = planSteps(extents, 0, 796 * KIB)
    if (gather?.kind !== 'gather') throw new Error('not one gather')
    t.same(
      gather.under.map(read => [read.blockId, read.length, read.isStraight]),
      [[1, 796 * KIB, true]],
    )
    t.same(
      gather.over.map(read => [read.blockId, read.length, read.isStraight]),
      [[2, 396 * KIB, false]],
    )
  },
)

t.test('no straight read brings bytes into a hole', async t => {
  const base = Array.from({ length: 10 }, (_, i) => extent(i * 8 * KIB, 4 * KIB, 1, i * 8 * KIB))
  const [gather] = planSteps(base, 0, 80 * KIB)
  if (gather?.kind !== 'gather') throw new Error('not one gather')
  t.equal(gather.holeBytes, 40 * KIB)
  t.same(gather.under, [])
  for (const read of gather.over) t.notOk(read.isStraight && read.pieces.length > 1)
})

const cut = fc.record({
  gap: fc.nat(3 * MIB),
  length: fc.integer({ min: 1, max: 20 * MIB }),
  blockId: fc.nat(2),
})

t.test('steps follow one another without gap, and gathers are bounded', async t => {
  const property = fc.property(fc.array(cut, { maxLength: 20 }), fc.nat(5 * MIB), (cuts, start) => {
    let offset = 0
    const extents: Extent[] = []
    for (const { gap, length, blockId } of cuts) {
      offset += gap % 3 === 0 ? 0 : gap
      extents.push(extent(offset, length, blockId, offset))
      offset += length
    }
    const end = start + offset
    let at = start
    for (const step of planSteps(coalesce(extents), start, end)) {
      if (step.offset !== at || step.length <= 0) return false
      if (step.kind === 'gather') {
        const pieces = [...step.under, ...step.over].flatMap(read => read.pieces)
        const wanted = pieces.reduce((sum, piece) => sum + piece.length, 0)
        if (step.length > GATHER_BYTES_MAX || wanted + step.holeBytes !== step.length) return false
      }
      at += step.length
    }
    return at === end
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})
