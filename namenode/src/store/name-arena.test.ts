import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { NameArena } from './name-arena.ts'

t.test('keeps any name of any slot through growth and packing', async t => {
  const name = fc.oneof(
    fc.string({ maxLength: 255, unit: 'binary' }),
    fc.string({ minLength: 200, maxLength: 255 }),
    fc.constant(''),
  )
  const step = fc.record({ slot: fc.nat(2500), name, drop: fc.boolean() })
  const property = fc.property(fc.array(step, { maxLength: 400 }), steps => {
    const arena = new NameArena()
    const model = new Map<number, string>()
    // Four rounds fill the first array and leave more than half of it as waste.
    for (let round = 0; round < 4; round++) {
      for (const { slot, name: text, drop } of steps) {
        const value = text.slice(0, 255)
        arena.set(slot, value)
        if (drop) arena.drop(slot)
        model.set(slot, drop ? '' : value)
      }
    }
    for (const [slot, value] of model) {
      if (arena.get(slot) !== value) throw new Error(`slot ${slot} lost its name`)
      if (!arena.equals(slot, `/${value}/`, 1, value.length + 1)) throw new Error('not equal to itself')
      if (arena.equals(slot, `${value}x`, 0, value.length + 1)) throw new Error('equal to a longer one')
      const other = `${value.slice(0, -1)}\u0001`
      if (value !== '' && value !== other && arena.equals(slot, other, 0, value.length)) {
        throw new Error('equal to another one')
      }
    }
  })
  t.doesNotThrow(() => fc.assert(property, randomRuns(60)))
})
