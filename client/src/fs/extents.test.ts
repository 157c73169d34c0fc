import type { Extent } from '@hopbine/common/protocol/types.ts'
import fc from 'fast-check'
import t from 'tap'
import { clip, coalesce, ExtentList, firstEndingAfter } from './extents.ts'

const extent = (offset: number, length: number, blockId: number, blockOffset: number): Extent => ({
  offset,
  length,
  blockId,
  blockOffset,
})

t.test('ranges that continue each other in file and block become one', async t => {
  const list = new ExtentList()
  list.add(extent(0, 10, 1, 0))
  list.add(extent(20, 10, 1, 20))
  list.add(extent(10, 10, 1, 10))
  t.same(list.take(9), [extent(0, 30, 1, 0)])
  t.equal(list.length, 0)
})

t.test('ranges that touch in the file but not in the block stay apart', async t => {
  t.equal(coalesce([extent(0, 10, 1, 0), extent(10, 10, 1, 30), extent(20, 10, 2, 40)]).length, 3)
})

t.test('a list with a gap is broken, also before its first range', async t => {
  const list = new ExtentList()
  t.ok(list.isUnbrokenFrom(7), 'an empty list')
  list.add(extent(0, 100, 1, 0))
  list.add(extent(128, 10, 2, 0))
  t.notOk(list.isUnbrokenFrom(0))
  list.add(extent(100, 28, 1, 100))
  t.ok(list.isUnbrokenFrom(0))
  t.ok(list.isUnbrokenFrom(50), 'what is committed already may be written again')
  list.take(1)
  t.notOk(list.isUnbrokenFrom(0))
})

t.test('a newer range cuts a hole into an older one', async t => {
  const list = new ExtentList()
  list.add(extent(0, 100, 1, 0))
  list.add(extent(40, 20, 2, 7))
  t.same(list.take(9), [extent(0, 40, 1, 0), extent(40, 20, 2, 7), extent(60, 40, 1, 60)])
})

t.test('clipping keeps the place in the block', async t => {
  t.same(clip(extent(10, 10, 1, 100), 15, 18), extent(15, 3, 1, 105))
  t.equal(clip(extent(10, 10, 1, 100), 20, 30), undefined)
})

t.test('the search finds the first extent that ends behind an offset', async t => {
  const sorted = [extent(0, 10, 1, 0), extent(20, 10, 1, 20)]
  t.same(
    [0, 9, 10, 29, 30].map(offset => firstEndingAfter(sorted, offset)),
    [0, 0, 1, 1, 2],
  )
})

t.test('any sequence of ranges reads like the same writes to an array', async t => {
  const write = fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 20 }) })
  const property = fc.property(fc.array(write, { maxLength: 30 }), writes => {
    const list = new ExtentList()
    const model = new Map<number, string>()
    let blockOffset = 0
    for (const { offset, length } of writes) {
      list.add(extent(offset, length, 1, blockOffset))
      for (let i = 0; i < length; i++) model.set(offset + i, `${blockOffset + i}`)
      blockOffset += length
    }
    const extents = list.take(1_000)
    const found = new Map<number, string>()
    let end = -1
    for (const part of extents) {
      if (part.offset < end) return false
      end = part.offset + part.length
      for (let i = 0; i < part.length; i++) found.set(part.offset + i, `${part.blockOffset + i}`)
    }
    t.same(new Map([...found].sort()), new Map([...model].sort()))
    return true
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 200 }))
})
