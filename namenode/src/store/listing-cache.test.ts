import t from 'tap'
import { ListingCache } from './listing-cache.ts'

const bytes = (count: number): Uint8Array => new Uint8Array(count)

t.test('an answer is good at its version and for limits that it keeps', async t => {
  const cache = new ListingCache(10_000)
  const answer = bytes(100)
  cache.put(3, 7, 5, answer)
  t.equal(cache.get(3, 7, 5), answer)
  t.equal(cache.get(3, 7, 1000), answer)
  t.equal(cache.get(3, 7, 4), undefined)
  t.equal(cache.get(4, 7, 5), undefined)
  t.equal(cache.get(3, 8, 5), undefined, 'a later version')
  t.equal(cache.get(3, 7, 5), undefined, 'and then it is gone')
  t.equal(cache.bytes, 0)
})

t.test('it holds so many bytes, and the answer used longest ago goes first', async t => {
  const cache = new ListingCache(5000)
  for (let slot = 0; slot < 5; slot++) cache.put(slot, 1, 1, bytes(700))
  t.ok(cache.get(0, 1, 9))
  cache.put(9, 1, 1, bytes(700))
  t.ok(cache.bytes <= 5000)
  t.ok(cache.get(0, 1, 9), 'it was used again')
  t.equal(cache.get(1, 1, 9), undefined)
  cache.put(9, 2, 1, bytes(100))
  t.ok(cache.bytes <= 5000)
  for (let i = 0; i < 1000; i++) cache.put(i % 7, i, 1, bytes(i % 900))
  t.ok(cache.bytes <= 5000, `${cache.bytes}`)
})

t.test('a large answer is not kept', async t => {
  const cache = new ListingCache(10_000_000)
  cache.put(1, 1, 1, bytes(64 * 1024 + 1))
  t.equal(cache.bytes, 0)
  cache.put(1, 1, 1, bytes(64 * 1024))
  t.ok(cache.bytes > 0)
})
