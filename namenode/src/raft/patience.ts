/** How long a member has heard nothing, and how long it waits before it stands for election (paper 5.2). */
import type { Settings } from './settings.ts'

/** Share of an election time in which members stand that know their leader to be gone. */
const SOON_SHARE = 1 / 2

export class Patience {
  readonly #settings: Settings
  readonly #random: () => number
  /** Ticks since a leader was heard, or an election began. */
  #silence = 0
  /** How many of them make this member stand; drawn anew for each wait. */
  #limit = 0
  /** Ticks since the start for which it counts as one that heard a leader. */
  #guard: number

  constructor(settings: Settings, random: () => number) {
    this.#settings = settings
    this.#random = random
    // With leases: before a crash it may have answered a leader that still counts on it.
    this.#guard = settings.leaseMs > 0 ? settings.electionTicks : 0
    this.restart()
  }

  /** True once it waited long enough. */
  tick(): boolean {
    this.#silence += 1
    this.#guard = Math.max(0, this.#guard - 1)
    return this.#silence >= this.#limit && this.#settings.priority > 0
  }

  /** Something was heard that is worth waiting for. */
  noteHeard(): void {
    this.#silence = 0
  }

  /** Waits anew. Every wait is of another length, so that rivals rarely meet twice. */
  restart(): void {
    const { electionTicks, priority } = this.#settings
    this.#silence = 0
    this.#limit = Math.floor(electionTicks * (1 / priority + this.#random()))
  }

  /**
   * Nothing more will be heard from the leader: soon, and not at the same moment as others, it is another's
   * turn.
   */
  giveUp(): void {
    const { electionTicks, priority } = this.#settings
    const soon = Math.ceil(electionTicks * SOON_SHARE * (1 / priority - 1 + this.#random()))
    this.#silence = Math.max(this.#silence, electionTicks)
    this.#limit = Math.min(this.#limit, this.#silence + soon)
  }

  /** Just started, so a leader may count on it. */
  get isGuarded(): boolean {
    return this.#guard > 0
  }

  /** The last word of a leader is younger than an election time. */
  get isFresh(): boolean {
    return this.#silence < this.#settings.electionTicks
  }
}
