/** The table of inodes against a plain map, and how much memory a million of them take. */
import fc from 'fast-check'
import t from 'tap'
import { NodeTable } from './node-table.ts'

const ID_MAX = 2 ** 33

t.test('it knows what a map would know, whatever comes and goes', async () => {
  const ids = fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 2 ** 32, max: ID_MAX }))
  const steps = fc.array(fc.tuple(fc.constantFrom('remember', 'flag', 'forget'), ids), { maxLength: 400 })
  fc.assert(
    fc.property(steps, todo => {
      const table = new NodeTable(1)
      const known = new Map<number, { lookups: number; flags: number }>()
      for (const [what, id] of todo) {
        const row = known.get(id)
        if (what === 'remember') {
          table.remember(id, 7)
          known.set(id, { lookups: (row?.lookups ?? 0) + 1, flags: row?.flags ?? 0 })
        } else if (what === 'flag' && row !== undefined) {
          row.flags = todo.length
          table.find(id)?.setFlags(row.flags, 1)
        } else if (what === 'forget') {
          table.forget(id, 1)
          if (row !== undefined && --row.lookups === 0) known.delete(id)
        }
      }
      return (
        table.count === known.size &&
        todo.every(([, id]) => table.find(id)?.flags === known.get(id)?.flags) &&
        todo.every(([, id]) => (table.find(id)?.inodeId ?? id) === id)
      )
    }),
  )
})

t.test('a million inodes take less than 100 MB, and give them back', async t => {
  const COUNT = 1_000_000
  const table = new NodeTable(1)
  const bytes = (): number => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed
  const before = bytes()
  for (let id = 2; id < COUNT + 2; id++) table.remember(id, id)
  const taken = bytes() - before
  t.ok(taken < 100_000_000, `${Math.round(taken / COUNT)} bytes each`)
  t.equal(table.count, COUNT)
  for (let id = 2; id < COUNT + 2; id++) if (id % 1000 !== 0) table.forget(id, 1)
  t.equal(table.count, COUNT / 1000)
  t.ok([1000, 500_000, COUNT].every(id => table.find(id)?.inodeId === id))
  t.equal(table.find(999), undefined)
})
