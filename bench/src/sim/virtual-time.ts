/**
 * The simulated clock and everything that is due: events in the order of their time, then of their making.
 */
import { assert } from '@hopbine/common/base/assert.ts'

interface Due {
  readonly atMs: number
  readonly order: number
  readonly body: () => void
}

export class VirtualTime {
  /** Milliseconds since the run began. */
  nowMs = 0
  /** Events run so far. */
  events = 0
  #order = 0
  readonly #heap: Due[] = []

  after(delayMs: number, body: () => void): void {
    assert(delayMs >= 0, 'nothing happens in the past')
    const due = { atMs: this.nowMs + delayMs, order: this.#order++, body }
    this.#heap.push(due)
    this.#rise(this.#heap.length - 1)
  }

  /** Runs what is due until then. */
  runUntil(endMs: number): void {
    for (;;) {
      const first = this.#heap[0]
      if (first === undefined || first.atMs > endMs) break
      this.#removeFirst()
      this.nowMs = first.atMs
      this.events += 1
      first.body()
    }
    this.nowMs = endMs
  }

  #removeFirst(): void {
    const last = this.#heap.pop() as Due
    if (this.#heap.length === 0) return
    this.#heap[0] = last
    let at = 0
    for (;;) {
      let least = at
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.#heap.length && this.#isBefore(child, least)) least = child
      }
      if (least === at) return
      this.#swap(at, least)
      at = least
    }
  }

  #rise(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >> 1
      if (!this.#isBefore(at, parent)) return
      this.#swap(at, parent)
      at = parent
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a] as Due, this.#heap[b] as Due]
    return x.atMs < y.atMs || (x.atMs === y.atMs && x.order < y.order)
  }

  #swap(a: number, b: number): void {
    const held = this.#heap[a] as Due
    this.#heap[a] = this.#heap[b] as Due
    this.#heap[b] = held
  }
}
