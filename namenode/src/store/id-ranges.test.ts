import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { IdRanges } from './id-ranges.ts'

t.test('each id is taken once, in any order, also when read back from what is stored', t => {
  const take = fc.array(fc.integer({ min: 90, max: 135 }), { maxLength: 80 })
  fc.assert(
    fc.property(take, wanted => {
      const left = new Set<number>()
      for (let id = 100; id < 120; id++) left.add(id)
      for (let id = 125; id < 130; id++) left.add(id)
      let ranges = new IdRanges()
      ranges.add(100, 10)
      ranges.add(110, 10)
      ranges.add(125, 5)
      for (const id of wanted) {
        if (ranges.take(id) !== left.delete(id)) return false
        ranges = new IdRanges(ranges.toArray())
        if (ranges.left !== left.size) return false
      }
      return true
    }),
    randomRuns(300),
  )
  t.end()
})

t.test('what was passed over is forgotten before memory grows', t => {
  const ranges = new IdRanges()
  ranges.add(1, 10_000)
  for (let id = 2; id <= 10_000; id += 2) if (!ranges.take(id)) t.fail(`id ${id} is there`)
  t.equal(ranges.toArray().length, 256)
  t.notOk(ranges.take(1))
  t.ok(ranges.take(9_999))
  t.end()
})
