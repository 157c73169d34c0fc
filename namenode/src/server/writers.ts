/**
 * When each session last spoke, for write leases. Soft state of the leader: after a restart every lease
 * starts anew.
 */
import type { Clock } from '@hopbine/common/base/host.ts'
import { LEASE_HARD_MS, LEASE_SOFT_MS } from '@hopbine/common/base/limits.ts'
import type { Sessions } from '../store/sessions.ts'

/** The list of silent sessions is made anew at most so often, in milliseconds. */
const LIST_MS = 1_000

export interface LeaseTimes {
  readonly softMs: number
  readonly hardMs: number
}

export const LEASE_TIMES: LeaseTimes = { softMs: LEASE_SOFT_MS, hardMs: LEASE_HARD_MS }

export class Writers {
  readonly #clock: Clock
  readonly #sessions: Sessions
  readonly #times: LeaseTimes
  readonly #startedMs: number
  readonly #spokeMs = new Map<string, number>()
  #silent: string[] = []
  #listedMs: number

  constructor(clock: Clock, sessions: Sessions, times: LeaseTimes) {
    this.#clock = clock
    this.#sessions = sessions
    this.#times = times
    this.#startedMs = clock.monotonicMs()
    this.#listedMs = this.#startedMs
  }

  spoke(clientId: string): void {
    this.#spokeMs.set(clientId, this.#clock.monotonicMs())
  }

  /** Sessions with leases that others may take over. */
  silent(): string[] {
    if (this.#sessions.openFiles === 0) return []
    const nowMs = this.#clock.monotonicMs()
    const listMs = Math.min(LIST_MS, this.#times.softMs / 4)
    if (nowMs - this.#listedMs >= listMs) {
      this.#listedMs = nowMs
      this.#silent = this.#silentFor(this.#times.softMs)
    }
    // One that speaks again keeps its leases, however old the list is.
    return this.#silent.filter(clientId => this.#silentMs(clientId) >= this.#times.softMs)
  }

  /** Whether a session was silent for so long that what it holds may be taken from it. */
  isDead(clientId: string): boolean {
    return this.#silentMs(clientId) >= this.#times.hardMs
  }

  /** Sessions whose files the namenode closes itself. */
  dead(): string[] {
    return this.#silentFor(this.#times.hardMs)
  }

  /** Forgets sessions that hold no lease and spoke long ago. */
  trim(): void {
    for (const clientId of this.#spokeMs.keys()) {
      const idle = this.#silentMs(clientId) > this.#times.hardMs
      if (idle && this.#sessions.openInodes(clientId).length === 0) this.#spokeMs.delete(clientId)
    }
  }

  #silentFor(ms: number): string[] {
    return this.#sessions.holders().filter(clientId => this.#silentMs(clientId) >= ms)
  }

  #silentMs(clientId: string): number {
    return this.#clock.monotonicMs() - (this.#spokeMs.get(clientId) ?? this.#startedMs)
  }
}
