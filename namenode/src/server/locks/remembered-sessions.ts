/**
 * A small file with the sessions that may hold locks, so that a namenode that starts knows for whom to wait.
 * It is written when a session opens its locks or ends, never for a lock.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { syncPath } from '../../log/sync-path.ts'

const NAME = 'sessions-with-locks'

export interface Remembered {
  readonly all: ReadonlySet<string>
  /** Durable when what it returns resolves; undefined: it is now. */
  add(clientId: string): Promise<void> | undefined
  delete(clientId: string): void
  catchUp(): void
}

export class RememberedSessions implements Remembered {
  readonly #folder: string
  /** As the file names them. */
  readonly #ids: Set<string>
  readonly #onFailure: (error: Error) => void
  /** Something is not in the file: a disk that is full must not keep sessions from reading. */
  #isBehind = false

  constructor(folder: string, onFailure: (error: Error) => void) {
    this.#folder = folder
    this.#onFailure = onFailure
    const path = join(folder, NAME)
    this.#ids = new Set(existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [])
  }

  get all(): ReadonlySet<string> {
    return this.#ids
  }

  /** Durable when it returns, unless the failure was told. */
  add(clientId: string): undefined {
    if (this.#ids.has(clientId)) return
    this.#ids.add(clientId)
    this.#write(true)
  }

  /** A name that a crash leaves costs the next start a wait, no more: it need not be durable. */
  delete(clientId: string): void {
    if (this.#ids.delete(clientId)) this.#write(false)
  }

  /** Writes what could not be written before. */
  catchUp(): void {
    if (this.#isBehind) this.#write(true)
  }

  #write(durable: boolean): void {
    const wasBehind = this.#isBehind
    try {
      this.#isBehind = true
      this.#replace(durable)
      this.#isBehind = false
    } catch (error) {
      if (!wasBehind) this.#onFailure(error as Error)
    }
  }

  #replace(durable: boolean): void {
    const path = join(this.#folder, NAME)
    const file = openSync(`${path}.new`, 'w')
    try {
      writeSync(file, [...this.#ids].map(id => `${id}\n`).join(''))
      if (durable) fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(`${path}.new`, path)
    if (durable) syncPath(this.#folder)
  }
}
