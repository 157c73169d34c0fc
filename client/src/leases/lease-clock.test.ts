import t from 'tap'
import { LeaseClock } from './lease-clock.ts'

t.test('a lease clock never goes slower than either clock, and never back', t => {
  let [monotonic, wall] = [1000, 50_000]
  const clock = new LeaseClock({ monotonicMs: () => monotonic, wallMs: () => wall })
  monotonic += 10
  wall += 10
  t.equal(clock.nowMs, 10)
  wall += 5_000
  t.equal(clock.nowMs, 5_010, 'the machine slept: only the wall clock went on')
  wall -= 60_000
  monotonic += 20
  t.equal(clock.nowMs, 5_030, 'somebody set the wall clock back')
  wall += 30
  monotonic += 30
  t.equal(clock.nowMs, 5_060)
  t.end()
})
