/** What the leases of a mount have done, for people and programs that watch. */

/** Waits at recall that are remembered for the percentiles. */
const WAITS_MAX = 1024

export class LeaseCounters {
  /** Calls answered here. */
  local = 0
  /** Calls that the namenode answered. */
  forwarded = 0
  operations = 0
  batches = 0
  acquired = 0
  refused = 0
  recalls = 0
  /** Directories given back because nobody used them. */
  idle = 0
  /** Somebody waited for a commit: fsync and the like. */
  syncs = 0
  /** Small files whose content came before it was asked for, or with another's. */
  readAhead = 0
  lost = 0
  readonly #waits: number[] = []

  /** A recalled directory was given back after so many milliseconds. */
  gaveBack(ms: number): void {
    this.recalls += 1
    this.#waits.push(ms)
    if (this.#waits.length > WAITS_MAX) this.#waits.shift()
  }

  toJSON(): Record<string, number> {
    const { local, forwarded, operations, batches } = this
    const { acquired, refused, recalls, idle, syncs, lost, readAhead } = this
    const recall = { recalls, recallP50Ms: this.#percentile(0.5), recallP99Ms: this.#percentile(0.99) }
    const counts = { local, forwarded, operations, batches }
    return { ...counts, acquired, refused, ...recall, idle, syncs, lost, readAhead }
  }

  #percentile(share: number): number {
    const sorted = [...this.#waits].sort((a, b) => a - b)
    const ms = sorted[Math.min(Math.floor(sorted.length * share), sorted.length - 1)] ?? 0
    return Math.round(ms * 10) / 10
  }
}
