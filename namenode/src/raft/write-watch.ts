/** Watches that the disk finishes what it was given, in ticks. */
import type { Settings } from './settings.ts'

export class WriteWatch {
  readonly #settings: Settings
  /** Writes that were handed out and are not done. */
  #underWay = 0
  #ticks = 0

  constructor(settings: Settings) {
    this.#settings = settings
  }

  noteBegun(): void {
    this.#underWay += 1
  }

  /** Any write that ends shows that the disk moves. */
  noteDone(): void {
    this.#underWay -= 1
    this.#ticks = 0
  }

  tick(): void {
    this.#ticks = this.#underWay > 0 ? this.#ticks + 1 : 0
  }

  get isStalled(): boolean {
    return this.#ticks >= this.#settings.diskTicks
  }
}
