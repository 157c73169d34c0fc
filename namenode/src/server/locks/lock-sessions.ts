/**
 * The sessions that hold locks: which live, and which files they have open for writing.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import { LOCK_TERM_MS } from '@hopbine/common/protocol/locks.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import { LockSession } from './lock-session.ts'
import type { Remembered } from './remembered-sessions.ts'

/** Incarnations that one term of the namenode can draw. */
const PER_TERM = 2 ** 24

export class LockSessions {
  readonly #host: Host
  readonly #remembered: Remembered
  readonly #sessions = new Map<string, LockSession>()
  /** How many sessions have a file open. */
  readonly #openers = new Map<number, number>()
  #nextIncarnation: number

  constructor(host: Host, remembered: Remembered, term: number) {
    this.#host = host
    this.#remembered = remembered
    this.#nextIncarnation = term * PER_TERM + 1
  }

  get count(): number {
    return this.#sessions.size
  }

  /** The session that calls, which thereby lives on. SESSION_EXPIRED if it is over. */
  caller(connection: ServerConnection, incarnation: number): LockSession {
    const session = this.#sessions.get(connection.clientId)
    if (session === undefined || session.incarnation !== incarnation) {
      throw new FsError('SESSION_EXPIRED', 'the locks of this session are no longer held')
    }
    session.heardMs = this.#host.clock.monotonicMs()
    session.connection = connection
    return session
  }

  find(clientId: string): LockSession | undefined {
    return this.#sessions.get(clientId)
  }

  begin(connection: ServerConnection): LockSession {
    const remembered = this.#remembered.add(connection.clientId)
    const incarnation = this.#nextIncarnation++
    const session = new LockSession(connection, incarnation, this.#host.clock.monotonicMs(), remembered)
    this.#sessions.set(connection.clientId, session)
    return session
  }

  /** Forgets it; what it held must be given up before. */
  end(session: LockSession): void {
    for (const inodeId of [...session.opened]) this.close(session, inodeId)
    this.#sessions.delete(session.clientId)
    this.forget(session.clientId)
  }

  /** A session that held locks before a restart is known to be gone. */
  forget(clientId: string): void {
    this.#remembered.delete(clientId)
  }

  /** Sessions whose time is over. */
  silent(): LockSession[] {
    const sinceMs = this.#host.clock.monotonicMs() - LOCK_TERM_MS
    return [...this.#sessions.values()].filter(session => session.heardMs < sinceMs)
  }

  open(session: LockSession, inodeId: number): void {
    if (session.opened.has(inodeId)) return
    session.opened.add(inodeId)
    this.#openers.set(inodeId, (this.#openers.get(inodeId) ?? 0) + 1)
  }

  close(session: LockSession, inodeId: number): void {
    if (!session.opened.delete(inodeId)) return
    const left = (this.#openers.get(inodeId) ?? 0) - 1
    if (left > 0) this.#openers.set(inodeId, left)
    else this.#openers.delete(inodeId)
  }

  /** Whether another session, too, has the file open. */
  isShared(inodeId: number): boolean {
    return (this.#openers.get(inodeId) ?? 0) > 1
  }
}
