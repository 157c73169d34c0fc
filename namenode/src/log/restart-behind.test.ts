import t from 'tap'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { FRAME_HEADER_BYTES, LENGTH_BYTES } from './frame.ts'
import { SegmentedLog } from './segmented-log.ts'

const SEGMENT_BYTES = 1024
const SNAPSHOT = { firstIndex: 100, term: 7 }
const CONFIGURATIONS = [{ index: 90, bytes: Buffer.from('three voters') }]

async function append(log: SegmentedLog, text: string, term: number): Promise<void> {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + LENGTH_BYTES + text.length)
  frame.writeUInt32LE(text.length, FRAME_HEADER_BYTES)
  frame.write(text, FRAME_HEADER_BYTES + LENGTH_BYTES)
  if (!log.fits(frame.length - FRAME_HEADER_BYTES)) await log.roll()
  log.append(frame, 1, term)
  await new Promise<void>((resolve, reject) => {
    log.sync(error => (error === null ? resolve() : reject(error)))
  })
}

/** A log of some segments with so many entries of term 2, and a vote. */
async function oldLog(entries: number): Promise<{ disk: MemoryLogDisk; log: SegmentedLog }> {
  const disk = new MemoryLogDisk()
  const log = new SegmentedLog(disk, SEGMENT_BYTES)
  await log.open(0, 0)
  log.appendVote({ term: 9, vote: 3 })
  for (let i = 1; i <= entries; i++) await append(log, `${i} ${'x'.repeat(60)}`, 2)
  return { disk, log }
}

async function reopened(disk: MemoryLogDisk): Promise<SegmentedLog> {
  const log = new SegmentedLog(disk, SEGMENT_BYTES)
  await log.open(SNAPSHOT.firstIndex, SNAPSHOT.term)
  return log
}

const BEHIND = { lastIndex: 100, lastTerm: 7, firstIndex: 101, base: SNAPSHOT, vote: { term: 9, vote: 3 } }

t.test('a log begins anew behind a snapshot, and keeps its vote and the configuration', async t => {
  for (const entries of [0, 30, 100, 130]) {
    const { disk, log } = await oldLog(entries)
    await log.restartBehind(SNAPSHOT, CONFIGURATIONS)
    t.match(log, BEHIND, `${entries} entries before`)
    t.same(log.configurations, CONFIGURATIONS)
    await append(log, 'next', 9)
    for (const each of [log, await reopened(disk.crash(() => false))]) {
      t.match(each, { ...BEHIND, lastIndex: 101, lastTerm: 9 })
      t.same(each.configurations, CONFIGURATIONS)
      t.same(
        each.readSome(101, 101, 1000).map(({ index, term, bytes }) => `${index}/${term} ${bytes}`),
        ['101/9 next'],
      )
    }
    t.equal(disk.list().filter(name => name.endsWith('.log')).length, 1)
  }
})

t.test('old segments that a crash left beside the new one are of no use, whatever they hold', async t => {
  for (const entries of [30, 100, 130]) {
    const { disk, log } = await oldLog(entries)
    disk.failRemove = new Error('the power failed')
    await t.rejects(log.restartBehind(SNAPSHOT, CONFIGURATIONS), disk.failRemove)
    const crashed = disk.crash(() => false)
    t.ok(crashed.list().length > 3)
    const each = await reopened(crashed)
    t.match(each, BEHIND, `${entries} entries before`)
    t.same(each.configurations, CONFIGURATIONS)
    t.equal(crashed.list().filter(name => name.endsWith('.log')).length, 1)
  }
})

t.test('a start goes on with an installation that a crash broke off, and once more does no harm', async t => {
  for (const entries of [30, 100, 130]) {
    const { disk } = await oldLog(entries)
    const crashed = disk.crash(() => false)
    if (entries < 100) await t.rejects(reopened(crashed.copy()), { code: 'CORRUPT' }, 'not known as one')
    for (let again = 0; again < 2; again++) {
      const log = new SegmentedLog(crashed, SEGMENT_BYTES)
      await log.openBehindSnapshot(SNAPSHOT, CONFIGURATIONS)
      t.match(log, { ...BEHIND, lastIndex: 100 + again, lastTerm: 7 + 2 * again })
      if (again === 0) await append(log, 'next', 9)
    }
  }
})

t.test('a log that leads through the snapshot is kept with what follows', async t => {
  const { disk } = await oldLog(130)
  const log = new SegmentedLog(disk, SEGMENT_BYTES)
  await log.openBehindSnapshot({ firstIndex: 100, term: 2 }, CONFIGURATIONS)
  t.match(log, { lastIndex: 130, firstIndex: 1 })
})

t.test('damage to what the store holds is let go, and said; any other stops the start', async t => {
  const { disk } = await oldLog(60)
  const names = disk.list().filter(name => name.endsWith('.log'))
  const third = Number.parseInt(names[2] as string, 10)
  for (const at of [20, 200]) {
    const damagedDisk = disk.copy()
    const bytes = damagedDisk.segment(1)
    bytes[at] = (bytes[at] as number) ^ 1
    const short = new SegmentedLog(damagedDisk.copy(), SEGMENT_BYTES)
    await t.rejects(short.open(third - 2, 2), { code: 'CORRUPT' }, 'one entry of it is needed')
    const log = new SegmentedLog(damagedDisk, SEGMENT_BYTES)
    await log.open(third - 1, 2)
    t.match(log, { firstIndex: third, lastIndex: 60, vote: { term: 9, vote: 3 } })
    t.same(log.letGo, [names[1]])
    t.notOk(damagedDisk.list().includes(names[0] as string), 'what lies before is of no use alone')
  }
})
