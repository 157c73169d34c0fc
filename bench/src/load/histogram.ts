/**
 * Counts of durations in buckets of about three percent, from one microsecond to half an hour. Its counters
 * travel between processes and add up there, which the histogram of `node:perf_hooks` cannot do.
 */

/** Below this many microseconds each value has a bucket of its own. */
const EXACT_MICROS = 64
/** Buckets per doubling above that. */
const STEPS = 32
const STEP_BITS = 5
const FIRST_EXPONENT = 6
const EXPONENT_MAX = 30
const BUCKETS = EXACT_MICROS + (EXPONENT_MAX - FIRST_EXPONENT + 1) * STEPS
const MICROS_MAX = 2 ** (EXPONENT_MAX + 1) - 1

export class Histogram {
  readonly counters: Uint32Array

  constructor(counters: Uint32Array = new Uint32Array(BUCKETS)) {
    this.counters = counters
  }

  /** A duration in milliseconds; what is longer than half an hour counts as that. */
  record(millis: number): void {
    const micros = Math.min(Math.max(Math.round(millis * 1000), 0), MICROS_MAX)
    this.counters[bucketOf(micros)]! += 1
  }

  add(counters: Uint32Array): void {
    for (let bucket = 0; bucket < BUCKETS; bucket++) this.counters[bucket]! += counters[bucket] ?? 0
  }

  get count(): number {
    return this.counters.reduce((sum, count) => sum + count, 0)
  }

  /** The duration in milliseconds that this share of the records (0 … 1) did not exceed; 0 when empty. */
  quantileMillis(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.count * share))
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.counters[bucket] ?? 0
      if (seen >= wanted) return highestOf(bucket) / 1000
    }
    return 0
  }

  get maxMillis(): number {
    return (
      highestOf(
        Math.max(
          0,
          this.counters.findLastIndex(count => count > 0),
        ),
      ) / 1000
    )
  }
}

function bucketOf(micros: number): number {
  if (micros < EXACT_MICROS) return micros
  const exponent = 31 - Math.clz32(micros)
  const step = (micros >>> (exponent - STEP_BITS)) - STEPS
  return EXACT_MICROS + (exponent - FIRST_EXPONENT) * STEPS + step
}

/** The largest number of microseconds that falls into a bucket. */
function highestOf(bucket: number): number {
  if (bucket < EXACT_MICROS) return bucket
  const exponent = FIRST_EXPONENT + Math.floor((bucket - EXACT_MICROS) / STEPS)
  const step = (bucket - EXACT_MICROS) % STEPS
  return (STEPS + step + 1) * 2 ** (exponent - STEP_BITS) - 1
}
