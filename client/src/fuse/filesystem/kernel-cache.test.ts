import { INVALID, type Invalidation } from '@hopbine/common/protocol/cache-interest.ts'
import t from 'tap'
import { KernelCache } from './kernel-cache.ts'

const entry = (parentId: number, name: string, inodeId = 99): Invalidation => ({
  inodeId,
  parentId,
  name,
  what: INVALID.entry | INVALID.attributes,
})

function cacheAt(nowMs: number): { cache: KernelCache; clock: { nowMs: number } } {
  const clock = { nowMs }
  return { cache: new KernelCache(1_000, () => clock.nowMs), clock }
}

t.test('a lifetime counts from when the question was sent', async t => {
  const { cache, clock } = cacheAt(5_000)
  const stamp = cache.stamp()
  clock.nowMs += 300
  t.equal(cache.entryMs(stamp, 1, 'a'), 700)
  t.equal(cache.attributesMs(stamp, 7), 700)
  clock.nowMs += 900
  t.equal(cache.entryMs(stamp, 1, 'a'), 0)
  t.equal(cache.attributesMs(stamp, 7), 0)
  t.notOk(cache.isFresh(stamp, 7))
})

t.test('an answer that a change has overtaken gets no lifetime; others keep theirs', async t => {
  const { cache } = cacheAt(5_000)
  const before = cache.stamp()
  cache.changed(entry(1, 'a', 7))
  t.equal(cache.entryMs(before, 1, 'a'), 0)
  t.equal(cache.attributesMs(before, 7), 0)
  t.equal(cache.attributesMs(before, 1), 0, 'the directory has changed with its entry')
  t.notOk(cache.isFresh(before, 7))
  t.equal(cache.entryMs(before, 1, 'b'), 1_000)
  t.equal(cache.entryMs(before, 2, 'a'), 1_000)
  t.equal(cache.attributesMs(before, 8), 1_000)
  const after = cache.stamp()
  t.equal(cache.entryMs(after, 1, 'a'), 1_000)
  t.equal(cache.attributesMs(after, 7), 1_000)
  for (let i = 0; i < 2_000; i++) cache.changed(entry(3, String(i)))
  t.equal(cache.attributesMs(after, 8), 0, 'too much has happened to tell')
})

t.test('only names that the kernel was told lately must be forgotten', async t => {
  const { cache, clock } = cacheAt(5_000)
  t.equal(cache.toldUntilMs(1, 'a'), 0)
  cache.entryMs(cache.stamp(), 1, 'a')
  t.equal(cache.toldUntilMs(1, 'a'), 6_150)
  t.equal(cache.toldUntilMs(1, 'b'), 0)
  for (let step = 0; step < 9; step++) {
    clock.nowMs += 100
    cache.tell(2, String(step))
    t.equal(cache.toldUntilMs(1, 'a'), 6_150)
  }
  clock.nowMs = 6_150
  t.equal(cache.toldUntilMs(1, 'a'), 0)
  clock.nowMs = 9_000
  for (let i = 0; i < 140_000; i++) cache.tell(2, String(i))
  t.equal(cache.toldUntilMs(3, 'any'), 10_150, 'more than it can remember')
  clock.nowMs = 12_000
  t.equal(cache.toldUntilMs(3, 'any'), 0)
})

t.test('without a cache nothing lives, and nothing is remembered', async t => {
  const cache = new KernelCache(0)
  const stamp = cache.stamp()
  t.equal(cache.entryMs(stamp, 1, 'a'), 0)
  t.equal(cache.attributesMs(stamp, 1), 0)
  t.equal(cache.toldUntilMs(1, 'a'), 0)
})

t.test('it knows in which directories names are being changed from here', async t => {
  const { cache } = cacheAt(0)
  const [first, second] = [cache.beginNaming(1), cache.beginNaming(1)]
  t.ok(cache.isNaming(1))
  first()
  t.ok(cache.isNaming(1))
  second()
  t.notOk(cache.isNaming(1))
})
