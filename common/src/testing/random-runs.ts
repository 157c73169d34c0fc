/**
 * How random tests draw: from a seed that is printed with the way to run it again. HOPBINE_TEST_SEED sets it,
 * HOPBINE_TEST_RUNS multiplies the number of runs. Test only.
 */
import { argv, env } from 'node:process'

export interface RandomRuns {
  readonly seed: number
  readonly numRuns: number
}

let told = false

/** Parameters for fast-check: the seed of this process and so many runs. */
export function randomRuns(runs: number): RandomRuns {
  if (!told) {
    told = true
    console.log(`# seed ${processSeed}, again: HOPBINE_TEST_SEED=${processSeed} node ${argv[1] ?? ''}`)
  }
  return { seed: processSeed, numRuns: Math.ceil(runs * Number(env.HOPBINE_TEST_RUNS ?? 1)) }
}

const processSeed = Number(env.HOPBINE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Repeatable numbers for tests that need no shrinking: xorshift with 32 bits (Marsaglia, 2003). */
export class SeededNumbers {
  #state: number

  constructor(seed: number) {
    // The state 0 would stay 0.
    this.#state = seed >>> 0 || 1
  }

  /** Uniform in 0 … `below` − 1. */
  next(below: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % below
  }
}
