import t from 'tap'
import { Histogram } from './histogram.ts'

t.test('a quantile is never below the true one and at most four percent above it', async t => {
  const histogram = new Histogram()
  const millis = Array.from({ length: 10_000 }, (_, at) => ((at * 7919) % 10_000) / 10 + 0.05)
  for (const one of millis) histogram.record(one)
  const sorted = millis.toSorted((left, right) => left - right)
  for (const share of [0.01, 0.5, 0.95, 0.99, 1]) {
    const exact = sorted[Math.ceil(share * 10_000) - 1] as number
    const found = histogram.quantileMillis(share)
    t.ok(found >= exact - 0.001 && found <= exact * 1.04 + 0.001, `${share}: ${found} for ${exact}`)
  }
  t.equal(histogram.count, 10_000)
})

t.test('counters of two processes add up', async t => {
  const [left, right] = [new Histogram(), new Histogram()]
  for (let at = 0; at < 100; at++) left.record(1)
  for (let at = 0; at < 100; at++) right.record(50)
  left.add(right.counters)
  t.equal(left.count, 200)
  t.ok(Math.abs(left.quantileMillis(0.5) - 1) < 0.05)
  t.ok(Math.abs(left.maxMillis - 50) < 2)
})

t.test('nothing recorded reads as zero, and a very long time as the longest there is', async t => {
  t.equal(new Histogram().quantileMillis(0.99), 0)
  const histogram = new Histogram()
  histogram.record(1e9)
  t.ok(histogram.maxMillis > 2_000_000)
})
