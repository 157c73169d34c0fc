/**
 * A small seeded generator (mulberry32), so that a run can be repeated: same seed, same sequence of
 * operations.
 */
export class SeededRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Uniform in 0 … 2^32 − 1. */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    return mix(this.#state)
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.word() / 2 ** 32
  }

  /** Uniform in 0 … bound − 1. */
  below(bound: number): number {
    return Math.floor(this.fraction() * bound)
  }
}

/** Spreads a number over 32 bits; the same number gives the same result. */
export function mix(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 15), value | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return (mixed ^ (mixed >>> 14)) >>> 0
}
