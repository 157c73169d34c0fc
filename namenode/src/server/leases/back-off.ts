/**
 * Directories that were recalled lately: two users in turn would only send the lease to and fro. Soft state
 * of the leader; forgetting it costs a recall.
 */
import type { Clock } from '@hopbine/common/base/host.ts'
import type { DirectoryLeaseTimes } from './lease-times.ts'

/** Directories remembered; the one recalled first is forgotten first. */
const DIRECTORIES_MAX = 65_536

interface Pause {
  readonly ms: number
  readonly untilMs: number
}

export class BackOff {
  readonly #clock: Clock
  readonly #times: DirectoryLeaseTimes
  readonly #pauses = new Map<number, Pause>()

  constructor(clock: Clock, times: DirectoryLeaseTimes) {
    this.#clock = clock
    this.#times = times
  }

  /** Milliseconds until the directory may be leased again; 0: now. */
  left(inodeId: number): number {
    const pause = this.#pauses.get(inodeId)
    return pause === undefined ? 0 : Math.max(0, Math.ceil(pause.untilMs - this.#clock.monotonicMs()))
  }

  /** The directory was given back because others waited for it. */
  recalled(inodeId: number): void {
    const nowMs = this.#clock.monotonicMs()
    const { backOffMs, backOffMaxMs } = this.#times
    const last = this.#pauses.get(inodeId)
    // One that lay quiet for as long as the longest pause begins anew.
    const isFresh = last === undefined || nowMs > last.untilMs + backOffMaxMs
    const ms = isFresh ? backOffMs : Math.min(backOffMaxMs, last.ms * 2)
    this.#pauses.delete(inodeId)
    this.#pauses.set(inodeId, { ms, untilMs: nowMs + ms })
    if (this.#pauses.size <= DIRECTORIES_MAX) return
    const [oldest] = this.#pauses.keys()
    this.#pauses.delete(oldest as number)
  }
}
