import { assert } from '@hopbine/common/base/assert.ts'
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { FRAME_HEADER_BYTES, LENGTH_BYTES } from './frame.ts'
import { SegmentedLog } from './segmented-log.ts'

const SEGMENT_BYTES = 1024

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
  await sync(log)
}

async function sync(log: SegmentedLog): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    log.sync(error => (error === null ? resolve() : reject(error)))
  })
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

t.test('a first segment whose entries were all taken back is replaced, not shared by two', async t => {
  // Seed 776348224: the next segment got the name of this one, and removing the one removed the other.
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  while (log.fits(200)) await append(log, ['x'.repeat(190)], 1)
  log.truncate(1)
  await append(log, ['new'.repeat(80)], 2)
  t.equal(disk.list().filter(name => name.endsWith('.log')).length, 1)
  log.removeThrough(1)
  for (const each of [log, await openLog(disk.crash(() => false))]) {
    t.same(seen(each), [`1/2 ${'new'.repeat(80)}`])
  }
})

t.test('the frames of one sync are on the disk together, in two segments too', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  log.append(frameOf(['a']), 1, 1)
  await log.roll()
  log.append(frameOf(['b']), 1, 1)
  await sync(log)
  t.same(seen(await openLog(disk.crash(() => false))), ['1/1 a', '2/1 b'])
})

t.test('a failed sync of the segment before is no lack of room', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  log.append(frameOf(['a']), 1, 1)
  const failure = Object.assign(new Error('no space left'), { code: 'ENOSPC' })
  disk.failSync = failure
  await t.rejects(log.roll(), failure)
})

t.test('what only memory held when the process was killed is stored before anybody counts on it', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  log.append(frameOf(['a']), 1, 1)
  t.same(seen(await openLog(disk)), ['1/1 a'])
  t.same(seen(await openLog(disk.crash(() => false))), ['1/1 a'])
})

t.test(
  'of two frames that one sync should have stored the first may be torn, and the second whole',
  async t => {
    const disk = new MemoryLogDisk()
    const log = await openLog(disk)
    await append(log, ['a'], 1)
    log.append(frameOf(['b'.repeat(400)]), 1, 1)
    log.append(frameOf(['c'.repeat(100)]), 1, 1)
    let sector = 0
    const crashed = await openLog(disk.crash(() => sector++ === 1))
    t.same(seen(crashed), ['1/1 a'])
    t.ok(crashed.tornBytes > 0)
  },
)

t.test(
  'a segment that came back after its removal does not matter if the store has what follows',
  async t => {
    const disk = new MemoryLogDisk()
    const log = await openLog(disk)
    while (disk.list().length < 4) await append(log, ['y'.repeat(200)], 1)
    const [first, second] = disk.list().filter(name => name.endsWith('.log')) as [string, string]
    const third = Number(disk.list().at(2)?.slice(0, 16))
    disk.remove(second)
    await t.rejects(openLog(disk.copy()), { code: 'CORRUPT', details: { segment: first } })
    const opened = await openLog(disk, third - 1)
    t.match(opened, { firstIndex: third, lastIndex: log.lastIndex })
    t.notOk(disk.list().includes(first))
  },
)

type Step = {
  /** Entries in each frame, stored with one sync. */
  readonly frames: readonly number[]
  readonly newTerm: boolean
  readonly vote: boolean
  /** So many entries are taken back before, if the log may lose them. */
  readonly truncate: number
  /** Entries before so many at the end are removed after. */
  readonly remove: number | undefined
  /** The power fails after the sync, or before with these sectors written. */
  readonly crash: 'after' | readonly boolean[] | undefined
}

const STEP: fc.Arbitrary<Step> = fc.record({
  frames: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
  newTerm: fc.boolean(),
  vote: fc.boolean(),
  truncate: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(20)),
  remove: fc.option(fc.nat(20), { freq: 2 }),
  crash: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    fc.constant('after' as const),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
  ),
})

/** A log beside what it must hold. */
class LogBesideModel {
  disk = new MemoryLogDisk()
  log: SegmentedLog
  /** Entries that a sync has stored, each as `seen` shows it. */
  model: string[] = []
  /** Everything that the log ever held: what is taken back may come back until others took its place. */
  readonly #past: string[][] = []
  #vote = { term: 0, vote: 0 }
  #kept = 0
  #term = 1

  constructor(log: SegmentedLog, disk: MemoryLogDisk) {
    this.log = log
    this.disk = disk
  }

  async step({ frames, newTerm, vote, truncate, remove, crash }: Step, number: number): Promise<void> {
    const cut = this.model.length - truncate
    const isCut = truncate > 0 && cut >= this.#kept
    if (isCut) {
      this.log.truncate(cut + 1)
      this.model.length = cut
    }
    if (newTerm || isCut) this.#term += 1
    const voted = vote && this.#vote.term < this.#term ? { term: this.#term, vote: 2 } : undefined
    if (voted !== undefined) {
      if (!this.log.fitsVote) await this.log.roll()
      this.log.appendVote(voted)
    }
    const wanted = [this.model]
    for (const [k, entries] of frames.entries())
      wanted.push(await this.#append(entries, `${number}.${k}`, wanted))
    if (Array.isArray(crash)) return this.#crash(isCut ? cut : undefined, wanted, voted, crash)
    await sync(this.log)
    this.#vote = voted ?? this.#vote
    this.#note(wanted.at(-1) as string[])
    const through = this.model.length - (remove ?? 0)
    if (remove !== undefined && through > 0) {
      this.log.removeThrough(through)
      this.#kept = Math.max(this.#kept, through)
    }
    if (crash === 'after') await this.#reopen(() => false)
    this.check()
  }

  async #append(entries: number, name: string, wanted: readonly string[][]): Promise<string[]> {
    const before = wanted.at(-1) as string[]
    const texts = Array.from({ length: entries }, (_, k) => `${name}.${k}`.padEnd(60, '-'))
    const frame = frameOf(texts)
    if (!this.log.fits(frame.length - FRAME_HEADER_BYTES)) await this.log.roll()
    this.log.append(frame, entries, this.#term)
    return [...before, ...texts.map((text, k) => `${before.length + k + 1}/${this.#term} ${text}`)]
  }

  #note(model: string[]): void {
    this.model = [...model]
    this.#past.push([...model])
  }

  /** Nothing was acknowledged: each frame may be there if those before it are. */
  async #crash(
    cut: number | undefined,
    wanted: readonly string[][],
    voted: { term: number; vote: number } | undefined,
    kept: readonly boolean[],
  ): Promise<void> {
    let i = 0
    await this.#reopen(() => kept[i++ % kept.length] as boolean)
    const found = seen(this.log)
    const first = this.log.firstIndex - 1
    const isOne = (of: readonly string[][]): boolean => of.some(some => `${some.slice(first)}` === `${found}`)
    const isOld = (): boolean =>
      this.#past.some(past => `${past.slice(first, first + found.length)}` === `${found}`) &&
      `${found.slice(0, Math.max(0, (cut ?? 0) - first))}` === `${this.model.slice(first, cut)}`
    assert(isOne(wanted) || (cut !== undefined && isOld()), `the log holds what it should: ${found}`)
    const { vote } = this.log
    if (vote?.term === voted?.term && vote?.vote === voted?.vote) this.#vote = voted ?? this.#vote
    this.#note([...this.model.slice(0, first), ...found])
    this.check()
  }

  async #reopen(keep: () => boolean): Promise<void> {
    this.disk = this.disk.crash(keep)
    this.log = await openLog(this.disk, this.log.base.firstIndex)
  }

  check(): void {
    const { log, model } = this
    const first = log.firstIndex
    const wanted = model.slice(first - 1)
    assert(`${seen(log)}` === `${wanted}`, `it reads as the model:\n${seen(log)}\n${wanted}`)
    assert(log.lastIndex === model.length, 'it ends as the model')
    assert(
      (log.vote?.term ?? 0) === this.#vote.term && (log.vote?.vote ?? 0) === this.#vote.vote,
      'the vote stays',
    )
    for (let index = log.base.firstIndex; index <= log.lastIndex; index++) {
      const term = Number(model[index - 1]?.split(/[/ ]/)[1] ?? 0)
      assert(termOf(log, index) === term, `term of ${index}`)
    }
    if (first > log.lastIndex) return
    const from = first + (model.length % (log.lastIndex - first + 1))
    const some = log.readSome(from, log.lastIndex, 130)
    const bytes = some.reduce((sum, entry) => sum + entry.bytes.length, 0)
    assert(some[0]?.index === from && (some.length === 1 || bytes <= 130), 'a part is as large as asked for')
    const part = some.map(({ index, term, bytes }) => `${index}/${term} ${bytes}`)
    assert(
      `${part}` === `${wanted.slice(from - first, from - first + some.length)}`,
      'a part reads as the model',
    )
  }
}

t.test('a history of appends, truncations, removals, votes and crashes reads as a list would', async t => {
  const property = fc.asyncProperty(fc.array(STEP, { minLength: 10, maxLength: 60 }), async steps => {
    const disk = new MemoryLogDisk()
    const beside = new LogBesideModel(await openLog(disk), disk)
    for (const [number, step] of steps.entries()) await beside.step(step, number)
  })
  await t.resolves(fc.assert(property, randomRuns(150)))
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

t.test('a vote is kept however often the segments behind the first are taken back', async t => {
  const disk = new MemoryLogDisk()
  const log = await openLog(disk)
  while (log.fits(100)) await append(log, ['x'.repeat(90)], 1)
  const { lastIndex } = log
  for (let term = 2; term < 200; term++) {
    await append(log, ['y'.repeat(500)], term)
    if (!log.fitsVote) await log.roll()
    log.appendVote({ term, vote: 3 })
    await append(log, ['z'.repeat(500)], term)
    log.truncate(lastIndex + 1)
    t.strictSame((await openLog(disk.crash(() => false))).vote, { term, vote: 3 }, `term ${term}`)
  }
})
