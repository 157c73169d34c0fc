/** How long requests waited for leases of others: percentiles over the last ones. */

/** Waits that are remembered. */
const KEPT = 1024

export class WaitTimes {
  readonly #kept: number[] = []
  /** Requests that waited since the start. */
  count = 0

  add(ms: number): void {
    this.#kept[this.count % KEPT] = ms
    this.count += 1
  }

  /** Milliseconds within which this share (0 to 1) of the last waits were over; 0 when there were none. */
  percentile(share: number): number {
    const sorted = [...this.#kept].sort((a, b) => a - b)
    return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
  }
}
