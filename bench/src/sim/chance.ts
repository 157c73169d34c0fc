/** All chance of a run, from its seed. */
import { SeededRandom } from '../load/random.ts'

export class Chance {
  readonly #random: SeededRandom

  constructor(seed: number) {
    this.#random = new SeededRandom(seed)
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 8; i++) this.#random.word()
  }

  fraction(): number {
    return this.#random.fraction()
  }

  /** Uniform in 0 … bound − 1. */
  below(bound: number): number {
    return this.#random.below(bound)
  }

  /** Uniform between the two. */
  between(least: number, most: number): number {
    return least + (most - least) * this.#random.fraction()
  }

  happens(probability: number): boolean {
    return this.#random.fraction() < probability
  }

  oneOf<T>(items: readonly T[]): T | undefined {
    return items[this.#random.below(items.length)]
  }

  /** Exponential with this mean, as the time between events that know nothing of each other is. */
  wait(meanMs: number): number {
    return -meanMs * Math.log(1 - this.#random.fraction())
  }
}
