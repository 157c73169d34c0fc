import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from './frame.ts'
import { type LogDisk, realLogDisk } from './log-disk.ts'
import { SegmentedLog } from './segmented-log.ts'

const SEGMENT_BYTES = 1024

/** A frame as proposals make it: room for the header, then each entry behind its length. */
function frameOf(entries: readonly string[]): Buffer {
  const parts = entries.flatMap(text => {
    const length = Buffer.alloc(4)
    length.writeUInt32LE(Buffer.byteLength(text))
    return [length, Buffer.from(text)]
  })
  return Buffer.concat([Buffer.alloc(FRAME_HEADER_BYTES), ...parts])
}

async function openLog(disk: LogDisk, baseIndex = 0, baseTerm = 0): Promise<SegmentedLog> {
  const log = new SegmentedLog(disk, SEGMENT_BYTES)
  await log.open(baseIndex, baseTerm)
  return log
}

async function append(log: SegmentedLog, entries: readonly string[], term = 1): Promise<void> {
  const frame = frameOf(entries)
  if (!log.fits(frame.length - FRAME_HEADER_BYTES)) await log.roll()
  log.append(frame, entries.length, term)
  await new Promise<void>((resolve, reject) =>
    log.sync(error => (error === null ? resolve() : reject(error))),
  )
}

// Each entry is looked at while the log stands on it: its memory is given back later.
const texts = (log: SegmentedLog, from = 1): string[] => [...log.read(from).map(({ bytes }) => `${bytes}`)]

/** A log of one segment with frames `a`, `b c`, and the text of the last. */
async function threeFrames(last = 'last'): Promise<MemoryLogDisk> {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  await append(log, ['a'])
  await append(log, ['b', 'c'])
  await append(log, [last])
  return disk
}

/** A log of three full segments, with so many entries. */
async function threeSegments(): Promise<{ disk: MemoryLogDisk; count: number }> {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  let count = 0
  while (disk.list().length < 4) await append(log, [`${count++} ${'x'.repeat(200)}`])
  return { disk, count }
}

t.test('entries come back in order, from any index on, after any number of segments', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  t.match(log, { lastIndex: 0, lastTerm: 0, firstIndex: 1 })
  const all: string[] = []
  for (let i = 0; i < 30; i++) {
    const entries = Array.from({ length: (i % 3) + 1 }, (_, k) => `${i}.${k}`.repeat(9))
    await append(log, entries, 1 + Math.floor(i / 10))
    all.push(...entries)
  }
  for (const reader of [log, await openLog(disk.copy())]) {
    t.match(reader, { lastIndex: all.length, lastTerm: 3, firstIndex: 1, tornBytes: 0 })
    t.same(texts(reader), all)
    for (const from of [1, 2, 17, 40, all.length]) t.same(texts(reader, from), all.slice(from - 1), `${from}`)
    t.same(texts(reader, all.length + 1), [])
    t.same([...reader.read(1)].map(entry => entry.index).at(-1), all.length)
  }
  t.ok(disk.list().length > 3)
})

t.test('an empty log begins behind what the store holds', async t => {
  const log = await openLog(new MemoryLogDisk(), 41, 7)
  t.match(log, { lastIndex: 41, lastTerm: 7, firstIndex: 42 })
  await append(log, ['x'], 8)
  t.match([...log.read(1)], [{ index: 42, term: 8 }])
})

t.test('a torn end is cut at every byte, and the log goes on there', async t => {
  const whole = await threeFrames()
  const start = whole.segment(0).findLastIndex(byte => byte !== 0) + 1
  const [before] = [await openLog(await threeFrames(''))]
  t.equal(before?.lastIndex, 4)
  const frameBytes = frameOf(['last']).length
  const from = start - frameBytes
  for (let cut = from; cut < start; cut++) {
    const disk = whole.copy()
    disk.segment(0).fill(0, cut)
    const log = await openLog(disk)
    t.strictSame(texts(log), ['a', 'b', 'c'], `cut at ${cut}`)
    await append(log, ['again'])
    t.strictSame(texts(await openLog(disk.copy())), ['a', 'b', 'c', 'again'], `written again at ${cut}`)
  }
})

t.test('a last frame that is wrong in any byte counts as torn: it was never acknowledged', async t => {
  const whole = await threeFrames()
  const end = whole.segment(0).findLastIndex(byte => byte !== 0) + 1
  for (let at = end - frameOf(['last']).length; at < end; at++) {
    const disk = whole.copy()
    const bytes = disk.segment(0)
    bytes[at] = (bytes[at] as number) ^ 0x10
    const log = await openLog(disk)
    t.strictSame(texts(log), ['a', 'b', 'c'], `byte ${at}`)
    t.ok(log.tornBytes > 0)
    t.ok(
      disk
        .segment(0)
        .subarray(end - frameOf(['last']).length)
        .every(byte => byte === 0),
      'the rest is zeros again',
    )
  }
})

t.test('sectors of an unfinished write that arrived in any order are cut', async t => {
  const property = fc.asyncProperty(
    fc.array(fc.boolean(), { minLength: 1 }),
    fc.nat(700),
    async (kept, size) => {
      const disk = await threeFrames('x')
      const log = await openLog(disk)
      const frame = frameOf(['y'.repeat(size)])
      if (!log.fits(frame.length - FRAME_HEADER_BYTES)) await log.roll()
      log.append(frame, 1, 1)
      let i = 0
      const crashed = disk.crash(() => kept[i++ % kept.length] as boolean)
      const found = texts(await openLog(crashed))
      const wanted = ['a', 'b', 'c', 'x']
      if (found.length === 5) wanted.push('y'.repeat(size))
      if (`${found}` !== `${wanted}`) throw new Error(`${found}`)
    },
  )
  await t.resolves(fc.assert(property, randomRuns(100)))
})

t.test('damage that sound entries follow stops with what is lost and what to do', async t => {
  const whole = await threeFrames()
  const middle = SEGMENT_HEADER_BYTES + 48
  for (let at = middle; at < middle + frameOf(['b', 'c']).length; at++) {
    const disk = whole.copy()
    const bytes = disk.segment(0)
    bytes[at] = (bytes[at] as number) ^ 0x01
    const before = Buffer.from(bytes)
    const refusal = {
      code: 'CORRUPT',
      message: /damaged at byte \d+: entries after 1 cannot be read.*restore a/,
    }
    await t.rejects(openLog(disk), refusal, `byte ${at}`)
    t.ok(before.equals(disk.segment(0)), 'nothing is changed')
  }
})

t.test('a damaged or zeroed header of any segment stops, and the segment is kept', async t => {
  const { disk: whole, count } = await threeSegments()
  t.equal((await openLog(whole.copy())).lastIndex, count)
  for (const segment of [0, 1, 2]) {
    for (const damage of ['flip', 'zero'] as const) {
      const disk = whole.copy()
      const bytes = disk.segment(segment)
      if (damage === 'zero') bytes.fill(0, 0, SEGMENT_HEADER_BYTES)
      else bytes[20] = (bytes[20] as number) ^ 1
      const names = disk.list()
      await t.rejects(openLog(disk), { code: 'CORRUPT' }, `${damage} of segment ${segment}`)
      t.same(
        disk.list(),
        names.filter(name => name !== 'spare'),
      )
    }
  }
})

t.test('damage at the end of a segment that others follow names that segment', async t => {
  const { disk } = await threeSegments()
  const bytes = disk.segment(0)
  const at = bytes.findLastIndex(byte => byte !== 0)
  bytes[at] = (bytes[at] as number) ^ 1
  await t.rejects(openLog(disk), { code: 'CORRUPT', details: { segment: '0000000000000001.log' } })
})

t.test('a missing segment is noticed, first, middle or last', async t => {
  const { disk: whole, count } = await threeSegments()
  const names = whole.list().filter(name => name.endsWith('.log'))
  const without = (name: string | undefined): MemoryLogDisk => {
    const disk = whole.copy()
    disk.remove(name as string)
    return disk
  }
  await t.rejects(openLog(without(names[0])), {
    code: 'CORRUPT',
    message: /store ends at 0: what lies between/,
  })
  await t.rejects(openLog(without(names[1])), { code: 'CORRUPT' })
  await t.rejects(openLog(without(names[2]), count), { code: 'CORRUPT', message: /log files are missing/ })
  const enough = await openLog(without(names[0]), count)
  t.equal(enough.lastIndex, count, 'what the store holds is not missed')
})

t.test('what a user stored never passes for a frame', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  await append(log, ['before'])
  const forged = Buffer.from(disk.segment(0).subarray(SEGMENT_HEADER_BYTES, SEGMENT_HEADER_BYTES + 56))
  const other = await openLog(new MemoryLogDisk())
  await append(other, [forged.toString('latin1')])
  const victim = await threeFrames(`\0\0\0\0${forged.toString('latin1')}`)
  const bytes = victim.segment(0)
  const at = bytes.findLastIndex(byte => byte !== 0)
  bytes.fill(0, at)
  t.same(texts(await openLog(victim)), ['a', 'b', 'c'], 'a torn frame that holds one is torn')
})

t.test('segments before an index go, the one being written stays', async t => {
  const { disk, count } = await threeSegments()
  const log = await openLog(disk)
  const second = [...disk.list()][1] as string
  log.removeThrough(1)
  t.equal(log.firstIndex, 1)
  log.removeThrough(Number(second.slice(0, 16)) - 1)
  t.equal(log.firstIndex, Number(second.slice(0, 16)))
  log.removeThrough(count)
  t.equal(disk.list().filter(name => name.endsWith('.log')).length, 1)
  t.equal((await openLog(disk.copy(), count)).lastIndex, count)
})

t.test('without room for the next segment rolling fails by name, and works when there is room', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  await append(log, ['a'])
  disk.failPrepare = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
  await log.roll()
  await append(log, ['b'])
  await t.rejects(log.roll(), { code: 'NO_SPACE', message: /disk full/ })
  await append(log, ['c'])
  disk.failPrepare = undefined
  await t.rejects(log.roll(), { code: 'NO_SPACE' }, 'the segment asked for before had failed')
  await log.roll()
  await append(log, ['d'])
  t.same(texts(await openLog(disk.copy())), ['a', 'b', 'c', 'd'])
})

t.test('on a real folder: opened, rolled, read again, cut and emptied', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-log-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const log = await openLog(realLogDisk(folder))
  for (let i = 0; i < 12; i++) await append(log, [`${i} ${'x'.repeat(300)}`])
  await log.close()
  const again = await openLog(realLogDisk(folder))
  t.equal(again.lastIndex, 12)
  t.equal(texts(again, 7).length, 6)
  again.removeThrough(12)
  await again.close()
  t.equal(readdirSync(folder).filter(name => name.endsWith('.log')).length, 1)
})
