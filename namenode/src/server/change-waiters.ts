/** Calls of `changes` that found nothing yet and wait, bounded in number and time. */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Timers } from '@hopbine/common/base/host.ts'

/** Waiting calls of all connections; more: BUSY. */
const WAITERS_MAX = 10_000
/** Longest wait that a caller may ask for, in milliseconds. */
export const WAIT_MS_MAX = 60_000

interface Waiter {
  readonly from: number
  readonly answer: () => void
  readonly cancel: () => void
}

export class ChangeWaiters {
  readonly #timers: Timers
  readonly #waiters = new Set<Waiter>()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  get count(): number {
    return this.#waiters.size
  }

  /** Calls `answer` once: when an entry at or after `from` was applied, or when the time is over. */
  wait(from: number, waitMs: number, answer: () => void): void {
    if (this.#waiters.size >= WAITERS_MAX) throw new FsError('BUSY', `${WAITERS_MAX} calls wait for changes`)
    const waiter: Waiter = {
      from,
      answer,
      cancel: this.#timers.after(Math.min(waitMs, WAIT_MS_MAX), () => this.#wake(waiter)),
    }
    this.#waiters.add(waiter)
  }

  applied(index: number): void {
    for (const waiter of this.#waiters) if (index >= waiter.from) this.#wake(waiter)
  }

  #wake(waiter: Waiter): void {
    waiter.cancel()
    if (this.#waiters.delete(waiter)) waiter.answer()
  }
}
