import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { SlotHash } from './slot-hash.ts'

/** Keys by slot; few different hashes, so that probes meet. */
const hashOf = (keys: ReadonlyMap<number, number>) => (slot: number) => (keys.get(slot) ?? 0) % 13

/** As its owners probe it. */
function find(hash: SlotHash, code: number, matches: (slot: number) => boolean): number {
  const { buckets, mask } = hash
  for (let at = code & mask; ; at = (at + 1) & mask) {
    const slot = buckets[at] as number
    if (slot < 0 || matches(slot)) return slot
  }
}

t.test('any history of adding and removing finds exactly what is inside', async t => {
  const step = fc.record({ add: fc.boolean(), key: fc.nat(60) })
  const property = fc.property(fc.array(step, { maxLength: 200 }), steps => {
    const hash = new SlotHash(4)
    const keys = new Map<number, number>()
    const slots = new Map<number, number>()
    steps.forEach(({ add, key }, i) => {
      const slot = slots.get(key)
      if (add && slot === undefined) {
        keys.set(i, key)
        slots.set(key, i)
        hash.add(i, key % 13, hashOf(keys))
      } else if (!add && slot !== undefined) {
        hash.remove(slot, key % 13, hashOf(keys))
        keys.delete(slot)
        slots.delete(key)
      }
    })
    for (let key = 0; key <= 60; key++) {
      const found = find(hash, key % 13, slot => keys.get(slot) === key)
      if (found !== (slots.get(key) ?? -1)) throw new Error(`key ${key}: ${found}`)
    }
  })
  t.doesNotThrow(() => fc.assert(property, randomRuns(300)))
})

t.test('a chain that wraps around the end of the table survives a removal at its start', async t => {
  const hash = new SlotHash(8)
  const homes = new Map([
    [1, 7],
    [2, 7],
    [3, 7],
  ])
  const homeOf = (slot: number): number => homes.get(slot) as number
  for (const slot of homes.keys()) hash.add(slot, 7, homeOf)
  hash.remove(1, 7, homeOf)
  t.equal(
    find(hash, 7, slot => slot === 3),
    3,
  )
  t.equal(
    find(hash, 7, slot => slot === 1),
    -1,
  )
})

t.test('removing what is not inside is a defect', async t => {
  const hash = new SlotHash(8)
  t.throws(() => hash.remove(1, 3, () => 3), { name: 'AssertionError' })
})
