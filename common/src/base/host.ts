/**
 * The only door from the middle of the system to the world: clock, randomness and timers come in through
 * `Host`, so that a simulator can be the world. Files and sockets are reached through the narrow interfaces
 * of the parts that own them (the log's `LogDisk`, the RPC's connections).
 */

export interface Clock {
  /** Wall time in nanoseconds since 1970, split so that both parts are exact numbers. */
  wall(): WallTime
  /**
   * Milliseconds on a clock that never goes back; it also counts while the machine sleeps where the OS can.
   */
  monotonicMs(): number
}

export interface WallTime {
  /** Whole seconds since 1970. */
  readonly seconds: number
  /** 0 … 999,999,999. */
  readonly nanos: number
}

export interface Random {
  /** Bytes fit for secrets. */
  bytes(count: number): Buffer
  /** Uniform in [0, 1), not for secrets. */
  fraction(): number
}

export interface Timers {
  /** Runs `body` once after `delayMs`; does not keep the process alive. Returns the cancel function. */
  after(delayMs: number, body: () => void): () => void
  /** Runs `body` every `periodMs`; does not keep the process alive. Returns the cancel function. */
  every(periodMs: number, body: () => void): () => void
}

export interface Host {
  readonly clock: Clock
  readonly random: Random
  readonly timers: Timers
}
