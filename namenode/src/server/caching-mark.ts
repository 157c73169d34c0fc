/**
 * An empty file that says that sessions may have caches. A namenode that finds it at its start does not know
 * what they were told before.
 */
import { closeSync, existsSync, fsyncSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const NAME = 'sessions-have-caches'

export class CachingMark {
  readonly #folder: string
  #isSet: boolean

  constructor(folder: string) {
    this.#folder = folder
    this.#isSet = existsSync(join(folder, NAME))
  }

  get isSet(): boolean {
    return this.#isSet
  }

  /** Durable when it returns. */
  set(): void {
    if (this.#isSet) return
    closeSync(openSync(join(this.#folder, NAME), 'w'))
    const folder = openSync(this.#folder, 'r')
    try {
      fsyncSync(folder)
    } finally {
      closeSync(folder)
    }
    this.#isSet = true
  }

  clear(): void {
    rmSync(join(this.#folder, NAME), { force: true })
    this.#isSet = false
  }
}
