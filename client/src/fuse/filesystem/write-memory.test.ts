import t from 'tap'
import { type Holder, WriteMemory } from './write-memory.ts'

function holder(heldBytes: number, spilled: Holder[], failure?: Error): Holder & { heldBytes: number } {
  const made = {
    heldBytes,
    async spill() {
      if (failure !== undefined) throw failure
      made.heldBytes = 0
      spilled.push(made)
    },
  }
  return made
}

t.test('nobody waits while there is room', async t => {
  const spilled: Holder[] = []
  const memory = new WriteMemory(100)
  memory.note(holder(60, spilled))
  memory.note(holder(40, spilled))
  await memory.room()
  t.same(spilled, [])
  t.equal(memory.bytes, 100)
})

t.test('what was not written for longest goes first, and only as much as needed', async t => {
  const spilled: Holder[] = []
  const memory = new WriteMemory(100)
  const [a, b, c] = [holder(50, spilled), holder(50, spilled), holder(50, spilled)]
  for (const one of [a, b, c, a]) memory.note(one)
  await Promise.all([memory.room(), memory.room()])
  t.same(spilled, [b])
  t.equal(memory.bytes, 100)
})

t.test('a holder that cannot save keeps its bytes, and others make room', async t => {
  const spilled: Holder[] = []
  const memory = new WriteMemory(100)
  const stuck = holder(80, spilled, new Error('no space'))
  const other = holder(80, spilled)
  memory.note(stuck)
  memory.note(other)
  await memory.room()
  t.same(spilled, [other])
  t.equal(memory.bytes, 80)
  memory.note(holder(90, spilled, new Error('no space either')))
  await t.rejects(memory.room(), /no space either/)
})

t.test('what has saved by itself counts no more', async t => {
  const memory = new WriteMemory(100)
  const one = holder(120, [])
  memory.note(one)
  one.heldBytes = 0
  memory.note(one)
  t.equal(memory.bytes, 0)
  await memory.room()
})
