/**
 * Client sessions: the answers kept for retries and the write leases. In memory during a transaction, one row
 * per session written at its end. All of it is part of the replicated state: it changes only by apply.
 */

import { FsError } from '@hopbine/common/base/errors.ts'
import { pack, unpack } from 'msgpackr'
import type { Db } from './database.ts'

/** Answers kept per session; a client that has more writes unanswered gets SESSION_EXPIRED on a retry. */
const REPLIES_MAX = 8192

export interface Reply {
  readonly failed: boolean
  /** The payload of the answer as it went over the wire. */
  readonly payload: Uint8Array
  /**
   * Nothing was applied: no directory at or below this inode may be leased. The answer is not kept, and the
   * leader tries again.
   */
  readonly leasedBelow?: number
}

interface Session {
  readonly clientId: string
  lastSeconds: number
  floor: number
  readonly replies: Map<number, Reply>
  readonly openInodes: Set<number>
  dirty: boolean
}

/** An open file. */
interface Holding {
  readonly session: Session
  /** False only while it is certain that the file has no block. */
  blocks: boolean
}

type StoredReply = [number, boolean, Uint8Array]

export class Sessions {
  readonly #upsert
  readonly #delete
  readonly #sessions = new Map<string, Session>()
  /** Who has a file open for writing. */
  readonly #holders = new Map<number, Holding>()
  readonly #dirty: Session[] = []

  constructor(db: Db) {
    this.#upsert = db.prepare('INSERT OR REPLACE INTO session VALUES (?, ?, ?, ?, ?)')
    this.#delete = db.prepare('DELETE FROM session WHERE client_id = ?')
    const rows = db
      .prepare<[], [string, number, number, Buffer, Buffer]>(
        'SELECT client_id, last_seconds, floor, replies, leases FROM session ORDER BY client_id',
      )
      .raw()
    for (const [clientId, lastSeconds, floor, replies, leases] of rows.iterate()) {
      this.#load(clientId, lastSeconds, floor, unpack(replies) as StoredReply[], unpack(leases) as number[])
    }
  }

  get count(): number {
    return this.#sessions.size
  }

  get openFiles(): number {
    return this.#holders.size
  }

  /**
   * The kept answer of a write, or undefined when it was not applied yet. Throws SESSION_EXPIRED if
   * forgotten.
   */
  recorded(clientId: string, sequence: number): Reply | undefined {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return undefined
    const reply = session.replies.get(sequence)
    if (reply !== undefined) return reply
    if (sequence > session.floor) return undefined
    throw new FsError('SESSION_EXPIRED', `the answer to write ${sequence} is no longer kept`, { sequence })
  }

  /** Keeps an answer, and forgets those that the client no longer waits for. */
  record(clientId: string, sequence: number, behind: number, seconds: number, reply: Reply): void {
    const session = this.#open(clientId)
    session.lastSeconds = seconds
    session.replies.set(sequence, reply)
    const floor = Math.max(session.floor, sequence - behind - 1)
    if (floor > session.floor) {
      session.floor = floor
      for (const known of session.replies.keys()) if (known <= floor) session.replies.delete(known)
    }
    while (session.replies.size > REPLIES_MAX) this.#forgetLowest(session)
    this.#markDirty(session)
  }

  /** Session that has the file open for writing, or ''. */
  holderOf(inodeId: number): string {
    return this.#holders.get(inodeId)?.session.clientId ?? ''
  }

  grant(clientId: string, inodeId: number, mayHaveBlocks: boolean): void {
    const session = this.#open(clientId)
    session.openInodes.add(inodeId)
    this.#holders.set(inodeId, { session, blocks: mayHaveBlocks })
    this.#markDirty(session)
  }

  release(inodeId: number): void {
    const holding = this.#holders.get(inodeId)
    if (holding === undefined) return
    const { session } = holding
    session.openInodes.delete(inodeId)
    this.#holders.delete(inodeId)
    this.#markDirty(session)
  }

  /** An open file got a block. */
  blockAdded(inodeId: number): void {
    const holding = this.#holders.get(inodeId)
    if (holding !== undefined) holding.blocks = true
  }

  /** False when the open file certainly has no block, so that nobody needs to look. */
  mayHaveBlocks(inodeId: number): boolean {
    return this.#holders.get(inodeId)?.blocks ?? true
  }

  /** Files that a session has open for writing, in order of id. */
  openInodes(clientId: string): number[] {
    return [...(this.#sessions.get(clientId)?.openInodes ?? [])].sort((a, b) => a - b)
  }

  /** Sessions that hold leases, in order. */
  holders(): string[] {
    return [...new Set([...this.#holders.values()].map(({ session }) => session.clientId))].sort()
  }

  /** Sessions silent since `seconds` that hold no lease, in order of id, at most `max`. */
  idleSince(seconds: number, max: number): string[] {
    const idle: string[] = []
    for (const session of this.#sessions.values()) {
      if (session.lastSeconds <= seconds && session.openInodes.size === 0) idle.push(session.clientId)
      if (idle.length === max) break
    }
    return idle.sort()
  }

  /** Forgets a session if it is still idle since `seconds`. */
  expire(clientId: string, seconds: number): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined || session.lastSeconds > seconds || session.openInodes.size > 0) return
    this.#sessions.delete(clientId)
    session.dirty = false
    this.#delete.run(clientId)
  }

  /** Writes back every session that changed since the last call. */
  flush(): void {
    for (const session of this.#dirty) {
      if (!session.dirty) continue
      session.dirty = false
      const replies: StoredReply[] = []
      for (const [sequence, { failed, payload }] of session.replies) replies.push([sequence, failed, payload])
      this.#upsert.run(
        session.clientId,
        session.lastSeconds,
        session.floor,
        pack(replies),
        pack([...session.openInodes].sort((a, b) => a - b)),
      )
    }
    this.#dirty.length = 0
  }

  #load(
    clientId: string,
    lastSeconds: number,
    floor: number,
    replies: StoredReply[],
    leases: number[],
  ): void {
    const session: Session = {
      clientId,
      lastSeconds,
      floor,
      replies: new Map(replies.map(([sequence, failed, payload]) => [sequence, { failed, payload }])),
      openInodes: new Set(leases),
      dirty: false,
    }
    this.#sessions.set(clientId, session)
    for (const inodeId of leases) this.#holders.set(inodeId, { session, blocks: true })
  }

  #open(clientId: string): Session {
    const known = this.#sessions.get(clientId)
    if (known !== undefined) return known
    const session: Session = {
      clientId,
      lastSeconds: 0,
      floor: 0,
      replies: new Map(),
      openInodes: new Set(),
      dirty: false,
    }
    this.#sessions.set(clientId, session)
    return session
  }

  #forgetLowest(session: Session): void {
    let lowest = Number.POSITIVE_INFINITY
    for (const sequence of session.replies.keys()) if (sequence < lowest) lowest = sequence
    session.replies.delete(lowest)
    session.floor = Math.max(session.floor, lowest)
  }

  #markDirty(session: Session): void {
    if (session.dirty) return
    session.dirty = true
    this.#dirty.push(session)
  }
}
