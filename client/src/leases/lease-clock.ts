/**
 * A clock for leases that a sleeping machine, a paused process or a clock that was set cannot make longer:
 * between two looks it goes on by the larger of what the monotonic and the wall clock went.
 */
export interface Clocks {
  /** Milliseconds that never go back, but may stand still while the machine sleeps. */
  monotonicMs(): number
  /** Milliseconds since 1970, which somebody may set. */
  wallMs(): number
}

const REAL: Clocks = { monotonicMs: () => performance.now(), wallMs: () => Date.now() }

export class LeaseClock {
  readonly #clocks: Clocks
  #monotonicMs: number
  #wallMs: number
  #nowMs = 0

  constructor(clocks: Clocks = REAL) {
    this.#clocks = clocks
    this.#monotonicMs = clocks.monotonicMs()
    this.#wallMs = clocks.wallMs()
  }

  /** Milliseconds since the clock was made; never less than have passed. */
  get nowMs(): number {
    const monotonicMs = this.#clocks.monotonicMs()
    const wallMs = this.#clocks.wallMs()
    this.#nowMs += Math.max(monotonicMs - this.#monotonicMs, wallMs - this.#wallMs)
    this.#monotonicMs = monotonicMs
    this.#wallMs = wallMs
    return this.#nowMs
  }
}
