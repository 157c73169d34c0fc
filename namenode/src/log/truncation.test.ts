import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { FRAME_HEADER_BYTES, LENGTH_BYTES } from './frame.ts'
import { SegmentedLog } from './segmented-log.ts'

const SEGMENT_BYTES = 1024

interface Known {
  readonly term: number
  readonly text: string
}

function frameOf(texts: readonly string[]): Buffer {
  const frame = Buffer.alloc(
    texts.reduce((sum, text) => sum + LENGTH_BYTES + text.length, FRAME_HEADER_BYTES),
  )
  let at = FRAME_HEADER_BYTES
  for (const text of texts) {
    at = frame.writeUInt32LE(text.length, at)
    at += frame.write(text, at)
  }
  return frame
}

async function openLog(disk: MemoryLogDisk, baseIndex = 0): Promise<SegmentedLog> {
  const log = new SegmentedLog(disk, SEGMENT_BYTES)
  await log.open(baseIndex, 0)
  return log
}

async function append(log: SegmentedLog, texts: readonly string[], term: number, isConfiguration = false) {
  const frame = frameOf(texts)
  if (!log.fits(frame.length - FRAME_HEADER_BYTES)) await log.roll()
  log.append(frame, texts.length, term, isConfiguration)
  await new Promise(resolve => log.sync(resolve))
}

const seen = (log: SegmentedLog): string[] => [
  ...log.read(1).map(({ index, term, bytes }) => `${index}/${term} ${bytes}`),
]

/** What a log says of the terms of its entries, by its runs. */
function termOf(log: SegmentedLog, index: number): number | undefined {
  if (index === log.base.firstIndex) return log.base.term
  return log.termStarts.findLast(({ firstIndex }) => firstIndex <= index)?.term
}

t.test('entries of a later leader take the place of those it does not have, for ever', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  await append(log, ['a', 'b', 'c'], 1)
  await append(log, ['d'], 2)
  log.truncate(3)
  t.match(log, { lastIndex: 2, lastTerm: 1 })
  await append(log, ['C', 'D'], 3)
  for (const each of [log, await openLog(disk.copy())]) {
    t.same(seen(each), ['1/1 a', '2/1 b', '3/3 C', '4/3 D'])
    t.same(each.termStarts, [
      { firstIndex: 1, term: 1 },
      { firstIndex: 3, term: 3 },
    ])
  }
})

t.test('entries that were taken back are there again if the power fails before others came', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  await append(log, ['a', 'b'], 1)
  log.truncate(2)
  log.append(frameOf(['B']), 1, 2)
  t.same(seen(await openLog(disk.crash(() => false))), ['1/1 a', '2/1 b'])
  t.same(seen(await openLog(disk.copy())), ['1/1 a', '2/2 B'])
})

t.test('a history of appends, truncations, removals and restarts reads as a list would', async t => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ append: fc.integer({ min: 1, max: 4 }), newTerm: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ truncate: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ remove: fc.nat(20) }) },
    { weight: 1, arbitrary: fc.record({ reopen: fc.boolean() }) },
  )
  const property = fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async steps => {
    let disk = new MemoryLogDisk()
    let log = await openLog(disk)
    const model: Known[] = []
    let kept = 0
    let term = 1
    for (const [i, step] of steps.entries()) {
      if ('append' in step) {
        if (step.newTerm) term += 1
        const texts = Array.from({ length: step.append }, (_, k) => `${i}.${k}`.padEnd(60, '-'))
        await append(log, texts, term)
        model.push(...texts.map(text => ({ term, text })))
      } else if ('truncate' in step && model.length - step.truncate > kept) {
        // Always followed by entries of a later leader, as Raft does.
        log.truncate(model.length - step.truncate)
        model.length = model.length - step.truncate - 1
        term += 1
        await append(log, [`new ${i}`], term)
        model.push({ term, text: `new ${i}` })
      } else if ('remove' in step && model.length - step.remove > 0) {
        log.removeThrough(model.length - step.remove)
        kept = Math.max(kept, model.length - step.remove)
      } else if ('reopen' in step) {
        disk = step.reopen ? disk.copy() : disk.crash(() => false)
        log = await openLog(disk, log.base.firstIndex)
      }
      const first = log.firstIndex
      const wanted = model.map(({ term, text }, k) => `${k + 1}/${term} ${text}`).slice(first - 1)
      t.strictSame(seen(log), wanted)
      t.equal(log.lastIndex, model.length)
      for (let index = log.base.firstIndex; index <= log.lastIndex; index++) {
        t.equal(termOf(log, index), model[index - 1]?.term ?? 0, `term of ${index}`)
      }
      if (first > log.lastIndex) continue
      const from = first + (i % (log.lastIndex - first + 1))
      const some = log.readSome(from, log.lastIndex, 130)
      const bytes = some.reduce((sum, entry) => sum + entry.bytes.length, 0)
      t.ok(some[0]?.index === from && (some.length === 1 || bytes <= 130))
      t.strictSame(
        some.map(({ index, term, bytes }) => `${index}/${term} ${bytes}`),
        wanted.slice(from - first, from - first + some.length),
      )
    }
    if (!t.passing()) throw new Error('the log differs from the list')
  })
  await t.resolves(fc.assert(property, randomRuns(40)))
})

t.test('configurations outlive the segments of their entries, and go when they are taken back', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  const known = (of: SegmentedLog) => of.configurations.map(({ index, bytes }) => `${index} ${bytes}`)
  await append(log, ['one'], 1, true)
  await append(log, ['x'], 1)
  await append(log, ['two'], 1, true)
  t.same(known(log), ['1 one', '3 two'])
  t.same([...log.read(1).map(entry => entry.isConfiguration)], [true, false, true])
  while (disk.list().length < 4) await append(log, ['y'.repeat(200)], 1)
  log.removeThrough(log.lastIndex)
  t.ok(log.firstIndex > 3)
  t.same(known(await openLog(disk.copy(), log.lastIndex)), ['1 one', '3 two'])
  await append(log, ['three'], 2, true)
  t.same(known(log), ['3 two', `${log.lastIndex} three`])
  log.truncate(log.lastIndex)
  await append(log, ['z'], 3)
  t.same(known(log), ['3 two'])
  t.same(known(await openLog(disk.copy(), log.base.firstIndex)).at(-1), '3 two')
})

t.test('a vote is kept when the segment that holds it is taken back', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  await append(log, ['a'], 1)
  while (disk.list().length < 4) await append(log, ['y'.repeat(200)], 1)
  log.appendVote({ term: 5, vote: 3 })
  await append(log, ['z'], 1)
  log.truncate(2)
  const crashed = await openLog(disk.crash(() => false))
  t.same(crashed.vote, { term: 5, vote: 3 }, 'even if the power fails right then')
  t.match(crashed, { lastTerm: 1 })
  await append(log, ['b'], 6)
  t.same((await openLog(disk.copy())).vote, { term: 5, vote: 3 })
})
