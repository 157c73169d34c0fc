/**
 * An empty file that says that sessions may have caches, or files open. A namenode that finds it at its start
 * does not know what they were told, or said, before.
 */
import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fromNodeError } from '@hopbine/common/base/errors.ts'
import { syncPath } from '../log/sync-path.ts'

export const CACHES_MARK = 'sessions-have-caches'
export const OPENS_MARK = 'sessions-have-files-open'

export interface Mark {
  /** What was so when the leader began. */
  readonly isSet: boolean
  /** Durable when what it returns resolves; undefined: it is now. */
  set(): Promise<void> | undefined
  /** No session concerns it now. */
  idle(): void
  /** At the end: the next start need not mind. */
  clear(): void
}

/** One that is durable at once. */
export type PromptMark = Omit<Mark, 'set'> & { set(): void }

export class CachingMark implements Mark {
  readonly #folder: string
  readonly #name: string
  #isSet: boolean

  constructor(folder: string, name: string) {
    this.#folder = folder
    this.#name = name
    this.#isSet = existsSync(join(folder, name))
  }

  get isSet(): boolean {
    return this.#isSet
  }

  /** Durable when it returns. Throws NO_SPACE or READ_ONLY, and is not set. */
  set(): undefined {
    if (this.#isSet) return
    try {
      closeSync(openSync(join(this.#folder, this.#name), 'w'))
      syncPath(this.#folder)
    } catch (error) {
      throw fromNodeError(error as NodeJS.ErrnoException, `note ${this.#name}`)
    }
    this.#isSet = true
  }

  /** The file stays while the process lives: making and removing it costs more than it saves. */
  idle(): void {
    // See above.
  }

  clear(): void {
    rmSync(join(this.#folder, this.#name), { force: true })
    this.#isSet = false
  }
}
