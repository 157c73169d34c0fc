/** A world that stands still until a test moves it: clock, timers and repeatable bytes. Test only. */
import type { Host } from '@hopbine/common/base/host.ts'

interface Timer {
  atMs: number
  readonly periodMs: number
  readonly body: () => void
}

const START_SECONDS = 1_800_000_000

export class TestClock {
  #ms = 0
  readonly #timers = new Set<Timer>()

  readonly host: Host = {
    clock: {
      wall: () => ({
        seconds: START_SECONDS + Math.floor(this.#ms / 1000),
        nanos: Math.floor(this.#ms % 1000) * 1_000_000,
      }),
      monotonicMs: () => this.#ms,
    },
    random: { bytes: count => Buffer.alloc(count, 7), fraction: () => 0.5 },
    timers: {
      after: (delayMs, body) => this.#add({ atMs: this.#ms + delayMs, periodMs: 0, body }),
      every: (periodMs, body) => this.#add({ atMs: this.#ms + periodMs, periodMs, body }),
    },
  }

  /** Lets time pass; timers that are due run in their order. */
  advance(ms: number): void {
    const end = this.#ms + ms
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#ms = next.atMs
      if (next.periodMs === 0) this.#timers.delete(next)
      else next.atMs += next.periodMs
      next.body()
    }
    this.#ms = end
  }

  /** The process died: what it wanted to do later never happens. */
  forgetTimers(): void {
    this.#timers.clear()
  }

  #add(timer: Timer): () => void {
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  #next(end: number): Timer | undefined {
    const due = [...this.#timers].filter(timer => timer.atMs <= end)
    return due.sort((a, b) => a.atMs - b.atMs)[0]
  }
}
