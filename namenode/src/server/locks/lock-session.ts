/** One session as its locks know it: when it spoke, on which connection, and what of it is under way. */
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'

/** A request that is not answered yet and can be given up. */
export interface OpenRequest {
  /** Ends the waiting with this answer to come; harmless when it has ended. */
  cancel(): void
}

export class LockSession {
  readonly clientId: string
  /** Drawn when the session opened its locks. */
  readonly incarnation: number
  heardMs: number
  /** The newest one: recalls go there. */
  connection: ServerConnection
  /** True once everything it held was given to others. */
  isOver = false
  /** Inodes whose locks it decides. */
  readonly delegated = new Set<number>()
  /** Files that it has open for reading and writing. */
  readonly opened = new Set<number>()
  readonly requests = new Map<number, OpenRequest>()
  /** Resolves when the next leader would know of this session; undefined: it does. */
  readonly remembered: Promise<void> | undefined

  constructor(
    connection: ServerConnection,
    incarnation: number,
    nowMs: number,
    remembered: Promise<void> | undefined,
  ) {
    this.remembered = remembered
    this.clientId = connection.clientId
    this.connection = connection
    this.incarnation = incarnation
    this.heardMs = nowMs
  }

  /** The request is over; the same one may have come again meanwhile. */
  answered(number: number, request: OpenRequest): void {
    if (this.requests.get(number) === request) this.requests.delete(number)
  }

  /** Key of one of its owners in the lock table. */
  key(owner: string): string {
    return `${this.clientId} ${owner}`
  }
}

export function clientOf(key: string): string {
  return key.slice(0, key.indexOf(' '))
}

export function ownerOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1)
}
