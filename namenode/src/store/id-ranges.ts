/**
 * Inode ids that were given to somebody and not used yet, as ranges. Each id is taken once; in ascending
 * order it costs nothing, and ids that were passed over can still be taken while few ranges are left of them.
 */

/** Ranges kept; the lowest are forgotten first, and with them the ids that were passed over. */
const RANGES_MAX = 256

/** First id and the one behind the last. */
type Range = [first: number, end: number]

export class IdRanges {
  readonly #ranges: Range[]

  /** `ranges` as `toArray` gave them. */
  constructor(ranges: readonly Range[] = []) {
    this.#ranges = ranges.map(([first, end]) => [first, end])
  }

  /** Ids that can be taken. */
  get left(): number {
    return this.#ranges.reduce((sum, [first, end]) => sum + end - first, 0)
  }

  /** Adds ids that were never added before and are higher than all that were. */
  add(first: number, count: number): void {
    const last = this.#ranges.at(-1)
    if (last !== undefined && last[1] === first) last[1] += count
    else this.#ranges.push([first, first + count])
    this.#bound()
  }

  /** True if the id could be taken, and now is. */
  take(id: number): boolean {
    const at = this.#find(id)
    const range = this.#ranges[at]
    if (range === undefined || id < range[0]) return false
    const [first, end] = range
    if (id === first) range[0] += 1
    else if (id === end - 1) range[1] -= 1
    else this.#ranges.splice(at, 1, [first, id], [id + 1, end])
    if (range[0] === range[1]) this.#ranges.splice(at, 1)
    this.#bound()
    return true
  }

  toArray(): Range[] {
    return this.#ranges
  }

  /** Position of the first range that ends behind the id. */
  #find(id: number): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      const range = this.#ranges[middle] as Range
      if (range[1] <= id) low = middle + 1
      else high = middle
    }
    return low
  }

  #bound(): void {
    if (this.#ranges.length > RANGES_MAX) this.#ranges.splice(0, this.#ranges.length - RANGES_MAX)
  }
}
