import type { FsError } from '@hopbine/common/base/errors.ts'
import t from 'tap'
import { SegmentedLog } from '../log/segmented-log.ts'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { SingleVoter } from './single-voter.ts'

async function openVoter(segmentBytes = 4096) {
  const disk = new MemoryLogDisk()
  const log = new SegmentedLog(disk, segmentBytes)
  await log.open(0, 0)
  const seen = { committed: [] as number[], refused: [] as [number, FsError][], failed: [] as Error[] }
  const voter = new SingleVoter(log, 1, {
    onCommitted: index => seen.committed.push(index),
    onRefused: (from, error) => seen.refused.push([from, error]),
    onFailed: error => seen.failed.push(error),
  })
  const propose = (text: string): number => voter.propose(writer => writer.raw(Buffer.from(text)))
  return { disk, log, voter, seen, propose }
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}
const texts = (log: SegmentedLog): string[] => [...log.read(1).map(({ bytes }) => `${bytes}`)]

t.test('everything proposed in one turn shares one fsync', async t => {
  const { disk, log, voter, seen, propose } = await openVoter()
  const before = disk.syncs
  t.same([propose('a'), propose('b'), propose('c')], [1, 2, 3])
  t.equal(voter.pending, 3)
  t.equal(voter.pendingBytes, 15)
  await voter.idle()
  t.equal(disk.syncs - before, 1)
  t.same(seen.committed, [3])
  t.equal(voter.pending, 0)
  t.equal(voter.pendingBytes, 0)
  t.same(texts(log), ['a', 'b', 'c'])
})

t.test('what comes while an fsync is in flight gathers into the next batch', async t => {
  const { disk, voter, seen, propose } = await openVoter()
  const before = disk.syncs
  propose('a')
  await turns(1)
  for (let i = 0; i < 50; i++) propose(`${i}`)
  await voter.idle()
  t.equal(disk.syncs - before, 2)
  t.same(seen.committed, [1, 51])
})

t.test('batches keep their order and their indexes through many segments', async t => {
  const { log, voter, seen, propose } = await openVoter(512)
  const all: string[] = []
  for (let i = 0; i < 40; i++) {
    propose(`entry ${i} ${'x'.repeat(i)}`)
    all.push(`entry ${i} ${'x'.repeat(i)}`)
    if (i % 3 === 0) await turns(3)
  }
  await voter.idle()
  t.same(texts(log), all)
  t.same(
    seen.committed,
    [...seen.committed].sort((a, b) => a - b),
  )
  t.equal(seen.committed.at(-1), 40)
})

t.test(
  'without room for a segment what was not written is refused, and its indexes are used again',
  async t => {
    const { disk, log, voter, seen, propose } = await openVoter(512)
    propose('a'.repeat(300))
    await voter.idle()
    disk.failPrepare = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    propose('b'.repeat(300))
    await voter.idle()
    t.same(seen.committed, [1, 2], 'the spare was there')
    propose('c'.repeat(300))
    propose('d')
    await voter.idle()
    t.match(seen.refused, [[3, { code: 'NO_SPACE' }]])
    t.equal(voter.pending, 0)
    disk.failPrepare = undefined
    propose('e'.repeat(300))
    await voter.idle()
    t.equal(propose('f'.repeat(300)), 3)
    await voter.idle()
    t.equal(seen.committed.at(-1), 3)
    t.same(
      texts(log).map(text => text[0]),
      ['a', 'b', 'f'],
    )
    t.same(seen.failed, [])
  },
)

t.test('a failed fsync is never tried again and nothing is committed after it', async t => {
  const { disk, voter, seen, propose } = await openVoter()
  propose('a')
  await voter.idle()
  disk.failSync = Object.assign(new Error('EIO'), { code: 'EIO' })
  propose('b')
  await turns(5)
  t.match(seen.failed, [{ message: 'EIO' }])
  const { syncs } = disk
  disk.failSync = undefined
  propose('c')
  await turns(10)
  t.equal(disk.syncs, syncs)
  t.same(seen.committed, [1])
  t.equal(seen.failed.length, 1)
})

t.test('a failing fsync while rolling is as fatal', async t => {
  const { disk, voter, seen, propose } = await openVoter(512)
  propose('a'.repeat(300))
  await voter.idle()
  disk.failSync = Object.assign(new Error('EIO'), { code: 'EIO' })
  propose('b'.repeat(300))
  await turns(10)
  t.match(seen.failed, [{ message: 'EIO' }])
  t.same(seen.refused, [])
  t.same(seen.committed, [1])
})

t.test('a command that cannot be written leaves nothing of itself behind', async t => {
  const { log, voter, propose } = await openVoter()
  propose('a')
  const broken = (): number =>
    voter.propose(writer => {
      writer.raw(Buffer.from('half'))
      throw new RangeError('too long')
    })
  t.throws(broken, { name: 'RangeError' })
  propose('b')
  await voter.idle()
  t.same(texts(log), ['a', 'b'])
})
