import type { FsError } from '@hopbine/common/base/errors.ts'
import t from 'tap'
import { SegmentedLog } from '../log/segmented-log.ts'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { RaftConsensus } from './raft-consensus.ts'

async function openVoter(segmentBytes = 4096) {
  const disk = new MemoryLogDisk()
  const log = new SegmentedLog(disk, segmentBytes)
  await log.open(0, 0)
  const seen = { committed: [] as number[], refused: [] as [number, FsError][], failed: [] as Error[] }
  const voter = new RaftConsensus({
    log,
    appliedTerm: 0,
    random: () => 0.5,
    events: {
      onCommitted: index => seen.committed.push(index),
      onRefused: (from, error) => seen.refused.push([from, error]),
      onFailed: error => seen.failed.push(error),
    },
  })
  await voter.lead()
  // The term began with an entry of its own at index 1; what follows is what the tests propose.
  seen.committed.length = 0
  const propose = (text: string): number => voter.propose(writer => writer.raw(Buffer.from(text)))
  return { disk, log, voter, seen, propose }
}

const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}
const texts = (log: SegmentedLog): string[] => [...log.read(2).map(({ bytes }) => `${bytes}`)]

t.test('everything proposed in one turn shares one fsync', async t => {
  const { disk, log, voter, seen, propose } = await openVoter()
  const before = disk.syncs
  t.same([propose('a'), propose('b'), propose('c')], [2, 3, 4])
  t.equal(voter.pending, 3)
  t.equal(voter.pendingBytes, 15)
  await voter.idle()
  t.equal(disk.syncs - before, 1)
  t.same(seen.committed, [4])
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
  t.same(seen.committed, [2, 52])
})

t.test('batches keep their order and their indexes through many segments', async t => {
  const { log, voter, seen, propose } = await openVoter(640)
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
  t.equal(seen.committed.at(-1), 41)
})

t.test(
  'without room for a segment what was not written is refused, and its indexes are used again',
  async t => {
    const { disk, log, voter, seen, propose } = await openVoter(640)
    propose('a'.repeat(300))
    await voter.idle()
    disk.failPrepare = Object.assign(new Error('disk full'), { code: 'ENOSPC' })
    propose('b'.repeat(300))
    await voter.idle()
    t.same(seen.committed, [2, 3], 'the spare was there')
    propose('c'.repeat(300))
    propose('d')
    await voter.idle()
    t.match(seen.refused, [[4, { code: 'NO_SPACE' }]])
    t.equal(voter.pending, 0)
    disk.failPrepare = undefined
    propose('e'.repeat(300))
    await voter.idle()
    t.equal(propose('f'.repeat(300)), 4)
    await voter.idle()
    t.equal(seen.committed.at(-1), 4)
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
  t.same(seen.committed, [2])
  t.equal(seen.failed.length, 1)
})

t.test('a failing fsync while rolling is as fatal', async t => {
  const { disk, voter, seen, propose } = await openVoter(640)
  propose('a'.repeat(300))
  await voter.idle()
  disk.failSync = Object.assign(new Error('EIO'), { code: 'EIO' })
  propose('b'.repeat(300))
  await turns(10)
  t.match(seen.failed, [{ message: 'EIO' }])
  t.same(seen.refused, [])
  t.same(seen.committed, [2])
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

t.test('each start begins a term, and the vote for it outlives crash and segments', async t => {
  const { disk, log, voter, propose } = await openVoter(640)
  t.equal(voter.term, 1)
  t.same(log.vote, { term: 1, vote: 1 })
  for (let i = 0; i < 5; i++) {
    propose('x'.repeat(300))
    await voter.idle()
  }
  log.removeThrough(log.lastIndex)
  t.ok(log.firstIndex > 2, 'the segment that the vote was written to is gone')
  const crashed = disk.crash(() => false)
  const again = new SegmentedLog(crashed, 640)
  await again.open(log.lastIndex, 1)
  t.same(again.vote, { term: 1, vote: 1 })
  const events = { onCommitted: () => undefined, onRefused: () => undefined, onFailed: t.fail }
  const next = new RaftConsensus({ log: again, appliedTerm: 1, random: () => 0, events })
  await next.lead()
  t.equal(next.term, 2)
  t.match([...again.read(log.lastIndex + 1)], [{ term: 2, bytes: Buffer.alloc(0) }])
})
