import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { DirectoryTable, NO_QUOTA } from './directory-table.ts'

interface Model {
  readonly id: number
  parentId: number
  name: string
  files: number
}

function rowOf(id: number, parentId: number, name: string) {
  const zeros = { atime: 0, atimeNs: 0, mtime: 0, mtimeNs: 0, ctime: 0, ctimeNs: 0, children: 0, files: 0 }
  const totals = { subdirectories: 0, directories: 0, bytes: 0, diskBytes: 0 }
  const quotas = { nameQuota: NO_QUOTA, spaceQuota: NO_QUOTA }
  return { id, parentId, name, mode: 0o755, ownerId: 1, groupId: 1, flags: 0, ...zeros, ...totals, ...quotas }
}

const step = fc.record({
  what: fc.constantFrom('add', 'add', 'add', 'remove', 'move', 'exchange', 'count'),
  a: fc.nat(1_000_000),
  b: fc.nat(1_000_000),
  name: fc.constantFrom('a', 'b', 'c', 'd', 'ä', '\u{1f600}', 'x'.repeat(255)),
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** The table beside plain objects; both do the same. */
class Pair {
  readonly table = new DirectoryTable()
  readonly models = new Map<number, Model>()
  #nextId = 2

  constructor() {
    this.#add(1, 0, '')
  }

  run({ what, a, b, name }: Step): void {
    const [one, two] = [this.#pick(a), this.#pick(b)]
    const slot = (model: Model): number => this.table.slotOf(model.id)
    if (what === 'add' && this.#child(one.id, name) === undefined) this.#add(this.#nextId++, one.id, name)
    if (what === 'count') {
      for (let at: Model | undefined = one; at !== undefined; at = this.models.get(at.parentId)) at.files += 1
      this.table.addTotals(slot(one), 1, 0, 0, 0)
    }
    if (one.id === 1) return
    const isLeaf = [...this.models.values()].every(model => model.parentId !== one.id)
    if (what === 'remove' && isLeaf) {
      this.table.remove(slot(one))
      this.models.delete(one.id)
    }
    if (what === 'move' && !this.#isWithin(two, one) && this.#child(two.id, name) === undefined) {
      this.table.move(slot(one), slot(two), name)
      Object.assign(one, { parentId: two.id, name })
    }
    if (what === 'exchange' && !this.#isWithin(two, one) && !this.#isWithin(one, two)) {
      this.table.exchange(slot(one), slot(two))
      const { parentId, name: kept } = one
      Object.assign(one, { parentId: two.parentId, name: two.name })
      Object.assign(two, { parentId, name: kept })
    }
  }

  check(): void {
    const { table } = this
    if (table.count !== this.models.size) throw new Error(`${table.count} directories`)
    for (const { id, parentId, name, files } of this.models.values()) {
      const slot = table.slotOf(id)
      const parent = parentId === 0 ? -1 : table.slotOf(parentId)
      if (table.parent[slot] !== parent || table.nameOf(slot) !== name) throw new Error(`${id} is elsewhere`)
      if (parentId !== 0 && table.find(parent, name) !== slot) throw new Error(`${id} is not found`)
      if (table.find(slot, 'none') !== -1) throw new Error('something that is not there is found')
      if (table.files[slot] !== files) throw new Error(`${id} counts ${table.files[slot]}, not ${files}`)
    }
    const all = [...table.slots()].map(slot => table.id[slot]).sort()
    if (`${all}` !== `${[...this.models.keys()].sort()}`) throw new Error('slots() tells others')
  }

  #add(id: number, parentId: number, name: string): void {
    this.table.add(rowOf(id, parentId, name))
    this.models.set(id, { id, parentId, name, files: 0 })
  }

  #pick(seed: number): Model {
    const all = [...this.models.values()]
    return all[seed % all.length] as Model
  }

  #child(parentId: number, name: string): Model | undefined {
    return [...this.models.values()].find(model => model.parentId === parentId && model.name === name)
  }

  #isWithin(model: Model, ancestor: Model): boolean {
    for (let at: Model | undefined = model; at !== undefined; at = this.models.get(at.parentId)) {
      if (at === ancestor) return true
    }
    return false
  }
}

t.test('any history gives the answers of plain objects', async t => {
  const property = fc.property(fc.array(step, { maxLength: 120 }), steps => {
    const pair = new Pair()
    for (const one of steps) pair.run(one)
    pair.check()
  })
  t.doesNotThrow(() => fc.assert(property, randomRuns(200)))
})

t.test('thousands of directories stay what they are while the table grows', async t => {
  const table = new DirectoryTable()
  table.add(rowOf(1, 0, ''))
  const idOf = (n: number): number => (n === 1 ? 1 : n * 2 ** 20)
  for (let n = 2; n < 6000; n++) table.add(rowOf(idOf(n), idOf(n < 50 ? 1 : (n % 40) + 2), `n${n}`))
  t.equal(table.count, 5999)
  for (let n = 2; n < 6000; n += 97) {
    const slot = table.slotOf(idOf(n))
    t.equal(table.find(table.parent[slot] as number, `n${n}`), slot)
  }
})

t.test('a slot is written back once, and not when its directory is gone', async t => {
  const table = new DirectoryTable()
  table.add(rowOf(1, 0, ''))
  const slot = table.add(rowOf(2, 1, 'a'))
  for (let i = 0; i < 3; i++) table.markDirty(slot)
  t.same(table.takeDirty(), [slot])
  t.same(table.takeDirty(), [])
  table.markDirty(slot)
  table.remove(slot)
  const again = table.add(rowOf(3, 1, 'b'))
  t.equal(again, slot, 'the slot is used again')
  t.same(table.takeDirty(), [])
  table.markDirty(slot)
  table.remove(slot)
  table.add(rowOf(4, 1, 'b'))
  table.markDirty(slot)
  t.same(table.takeDirty(), [slot])
})

t.test('the version for listings grows with every change and never returns with a slot', async t => {
  const table = new DirectoryTable()
  const root = table.add(rowOf(1, 0, ''))
  const slot = table.add(rowOf(2, 1, 'a'))
  const first = table.versionOf(slot)
  table.entriesChanged(slot)
  t.ok(table.versionOf(slot) > first)
  const [before, ofRoot] = [table.versionOf(slot), table.versionOf(root)]
  table.attributesChanged(slot)
  t.ok(table.versionOf(root) > ofRoot)
  table.remove(slot)
  t.equal(table.add(rowOf(3, 1, 'b')), slot)
  t.ok(table.versionOf(slot) > before)
})
