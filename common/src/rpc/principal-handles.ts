/**
 * The principals that a client has told one connection, and their handles there. Handles end with their
 * connection, so each connection has a table of its own, filled as calls need it. Bounded: the principal used
 * longest ago gives its handle to the next. Never used for the connection's own principal, whose handle is 0.
 */
import { addPrincipal } from '../protocol/session.ts'
import type { Connection } from './connection.ts'

/** For whom a call is made. */
export interface Speaker {
  readonly user: string
  /** Primary group first; never empty. */
  readonly groups: readonly string[]
}

/** Handles of one connection; the server allows more. */
const HANDLES_MAX = 1024

export class PrincipalHandles {
  readonly #connection: Connection
  readonly #max: number
  /** In order of use. A promise while the server has not answered yet. */
  readonly #handles = new Map<string, number | Promise<number>>()

  constructor(connection: Connection, max = HANDLES_MAX) {
    this.#connection = connection
    this.#max = max
  }

  get count(): number {
    return this.#handles.size
  }

  /**
   * At once when the server knows the principal, else once it does. NOT_PERMITTED for whom the caller may not
   * act.
   */
  of(speaker: Speaker): number | Promise<number> {
    const key = JSON.stringify([speaker.user, ...speaker.groups])
    const known = this.#handles.get(key)
    if (known !== undefined) {
      this.#handles.delete(key)
      this.#handles.set(key, known)
      return known
    }
    const asked = this.#add(key, speaker)
    this.#handles.set(key, asked)
    return asked
  }

  async #add(key: string, speaker: Speaker): Promise<number> {
    const replace = this.#handles.size < this.#max ? 0 : await this.#takeOldest()
    try {
      const request = { user: speaker.user, groups: [...speaker.groups], replace }
      const { handle } = await this.#connection.call(addPrincipal, request)
      this.#handles.set(key, handle)
      return handle
    } catch (error) {
      this.#handles.delete(key)
      throw error
    }
  }

  /** The server resolves a handle when a request arrives, so requests sent before keep their principal. */
  async #takeOldest(): Promise<number> {
    for (const [key, handle] of this.#handles) {
      if (typeof handle !== 'number') continue
      this.#handles.delete(key)
      return handle
    }
    // All of them are still being told: the newest one is added beside them.
    return 0
  }
}
