/**
 * Which sessions may have cached what, and since when: soft state of the leader. A write that changes
 * something another session may have cached is answered only when that session has acknowledged a push, or
 * when its time is over (CACHE_MS after its last answer, and the drift). Nobody else waits, reads never do.
 * Whatever is unknown counts as cached. While no session caches, all of this costs one comparison a request.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import {
  CACHE_DRIFT_MS,
  CACHE_MS,
  type Invalidation,
  invalidations,
} from '@hopbine/common/protocol/cache-interest.ts'
import { applyQueue } from '@hopbine/common/protocol/directory-leases.ts'
import { list_ } from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { FileStatus } from '@hopbine/common/protocol/types.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import type { ChangeWatcher, CommandContext, Tx } from '../store/tx.ts'
import type { Mark } from './caching-mark.ts'
import { INTEREST, InterestNotes } from './interest-notes.ts'
import {
  type Concern,
  concernOf,
  concernOfTouched,
  inodeNamed,
  isConcerned,
  noteName,
  noteOwn,
  noteStatus,
} from './interest-rules.ts'

/** How long after its last answer a session may still use what it was told, in milliseconds. */
export const INTEREST_MS = CACHE_MS + CACHE_DRIFT_MS
/** Sessions that may cache at a time; more: BUSY. */
const SESSIONS_MAX = 1024

export interface CachingSession {
  readonly clientId: string
  readonly notes: InterestNotes
  /** Undefined while it is not connected. */
  connection: ServerConnection | undefined
  /** When it was told something last. */
  notedMs: number
  /** Pushes that it did not acknowledge yet. */
  readonly pushes: Map<number, Push>
}

interface Push {
  readonly items: readonly Invalidation[]
  readonly cancel: () => void
  /** What waits for it. */
  readonly over: (() => void)[]
}

interface Pending {
  readonly concern: Concern
  /** Session that made the change; '' for the leader itself. */
  readonly clientId: string
}

export class Interests {
  readonly #host: Host
  readonly #state: Tx
  readonly #sessions = new Map<string, CachingSession>()
  readonly #byConnection = new Map<ServerConnection, CachingSession>()
  /** Changes of commands that were applied and not answered yet. */
  #pending: Pending[] = []
  readonly #toFlush = new Set<ServerConnection>()
  #nextNumber = 1
  /** Answers held back since a leader before this one may have told caches something. */
  #held: (() => void)[] | undefined
  /** Writes whose answers waited, and pushes that were sent. */
  waits = 0
  pushes = 0
  readonly #mark: Mark
  readonly #watcher: ChangeWatcher = {
    changed: (change, context) => {
      if (this.#sessions.size > 0) this.#changed(concernOf(change), context)
    },
    touched: (inodeId, parentId, context) => {
      if (this.#sessions.size > 0) this.#changed(concernOfTouched(inodeId, parentId), context)
    },
  }

  /** What sessions were told before the start is unknown: if there were any, writes wait for one term. */
  constructor(host: Host, state: Tx, mark: Mark) {
    this.#host = host
    this.#state = state
    this.#mark = mark
    state.watchers.add(this.#watcher)
    if (!mark.isSet) return
    this.#held = []
    host.timers.after(INTEREST_MS, () => this.#release())
  }

  /** The next start need not wait if nobody has anything cached now. */
  stop(): void {
    this.#state.watchers.delete(this.#watcher)
    if (this.#held === undefined && this.#sessions.size === 0) this.#mark.clear()
  }

  /** Sessions that may have something cached. */
  get count(): number {
    return this.#sessions.size
  }

  /** The session of a connection that said it caches. */
  sessionOf(connection: ServerConnection): CachingSession | undefined {
    return this.#sessions.size === 0 ? undefined : this.#byConnection.get(connection)
  }

  /**
   * Pushes that it did not acknowledge on an earlier connection are sent again. It may cache when what this
   * returns resolves; undefined: now.
   */
  declare(connection: ServerConnection, caching: boolean): Promise<void> | undefined {
    const { clientId } = connection
    const known = this.#sessions.get(clientId)
    if (!caching) {
      if (known !== undefined) this.#end(known)
      return undefined
    }
    if (known === undefined && this.#sessions.size >= SESSIONS_MAX) {
      throw new FsError('BUSY', `${SESSIONS_MAX} sessions have caches`)
    }
    const marked = this.#mark.set()
    const nowMs = this.#host.clock.monotonicMs()
    const session: CachingSession = known ?? {
      clientId,
      notes: new InterestNotes(INTEREST_MS, nowMs),
      connection,
      notedMs: nowMs,
      pushes: new Map(),
    }
    if (session.connection !== undefined) this.#byConnection.delete(session.connection)
    session.connection = connection
    this.#sessions.set(clientId, session)
    this.#byConnection.set(connection, session)
    for (const [number, { items }] of session.pushes) this.#send(connection, number, items)
    return marked
  }

  /** The connection is gone; what the session may have cached is remembered until its time is over. */
  closed(connection: ServerConnection): void {
    const session = this.#byConnection.get(connection)
    if (session === undefined) return
    this.#byConnection.delete(connection)
    this.#toFlush.delete(connection)
    session.connection = undefined
    this.#host.timers.after(INTEREST_MS, () => {
      if (session.connection === undefined) this.#end(session)
    })
  }

  acknowledge(connection: ServerConnection, numbers: readonly number[]): void {
    const session = this.#byConnection.get(connection)
    for (const number of numbers) if (session !== undefined) this.#over(session, number)
  }

  /** The session may cache everything that concerns a directory and what is directly in it. */
  note(clientId: string, directoryId: number): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    const { entries, listed, attributes } = INTEREST
    session.notedMs = this.#host.clock.monotonicMs()
    session.notes.note(directoryId, entries | listed | attributes, session.notedMs)
  }

  /** A read is about to be answered: what even a failure of it tells. */
  noteRequest(session: CachingSession, { id }: Method<unknown, unknown>, request: unknown): void {
    const nowMs = this.#host.clock.monotonicMs()
    session.notedMs = nowMs
    const { path } = request as { readonly path?: string }
    if (path === undefined) return
    if (id === list_.id) session.notes.note(inodeNamed(path), INTEREST.entries | INTEREST.listed, nowMs)
    else noteName(session.notes, path, nowMs)
  }

  /** A read was answered. */
  noteAnswer(session: CachingSession, request: unknown, answer: unknown): void {
    const { status } = answer as { readonly status?: FileStatus }
    if (status === undefined) return
    const { path } = request as { readonly path: string }
    noteStatus(session.notes, this.#state, path, status, session.notedMs)
  }

  /** Whether a session besides this one may have cached something of a directory or of what is in it. */
  othersIn(directoryId: number, clientId: string): boolean {
    if (this.#held !== undefined) return true
    if (this.#sessions.size === 0) return false
    const { directories } = this.#state
    const nowMs = this.#host.clock.monotonicMs()
    const slot = directories.findId(directoryId)
    const above = slot < 0 ? -1 : (directories.parent[slot] as number)
    const aboveId = above < 0 ? 0 : (directories.id[above] as number)
    const { entries, listed, near, attributes } = INTEREST
    for (const session of this.#sessions.values()) {
      if (session.clientId === clientId) continue
      if (session.notes.has(directoryId, entries | listed | near | attributes, nowMs)) return true
      if (aboveId !== 0 && session.notes.has(aboveId, listed, nowMs)) return true
    }
    return false
  }

  /**
   * Calls `answer` when no other session has cached what the commands changed that were applied last: at
   * once, or later (`isLate`). The writer's own session counts as told, but for a batch: what it is about is
   * leased, and counts as told when the lease ends.
   */
  settle(clientId: string, { id }: Method<unknown, unknown>, answer: (isLate: boolean) => void): void {
    const pushes = this.#pending.length === 0 ? [] : this.#tell(clientId, id !== applyQueue.id)
    this.#whenOver(pushes, answer)
  }

  /**
   * Calls `answer` when everything pushed until now is acknowledged: for a write that is asked a second time.
   */
  settleAgain(answer: (isLate: boolean) => void): void {
    const pushes: Push[] = []
    for (const session of this.#sessions.values()) pushes.push(...session.pushes.values())
    this.#whenOver(pushes, answer)
  }

  /** Tells of what the leader itself changed, for which nobody waits, and sends what has gathered. */
  applied(): void {
    if (this.#pending.length > 0) this.#tell('', false)
    for (const connection of this.#toFlush) connection.flush()
    this.#toFlush.clear()
  }

  #changed(concern: Concern, context: CommandContext): void {
    this.#pending.push({ concern, clientId: context.clientId })
  }

  /** Pushes the gathered changes to whom they concern; answers those pushes. */
  #tell(writerId: string, isToldOwn: boolean): Push[] {
    const pending = this.#pending
    this.#pending = []
    const nowMs = this.#host.clock.monotonicMs()
    const pushes: Push[] = []
    for (const session of this.#sessions.values()) {
      if (session.clientId === writerId && isToldOwn) {
        session.notedMs = nowMs
        for (const { concern, clientId } of pending) {
          if (clientId === writerId) noteOwn(session.notes, this.#state, concern, nowMs)
        }
      }
      const items: Invalidation[] = []
      for (const { concern, clientId } of pending) {
        if (clientId === session.clientId) continue
        if (isConcerned(session.notes, this.#state, concern, nowMs)) items.push(...concern.items)
      }
      if (items.length > 0) pushes.push(this.#push(session, items, nowMs))
    }
    return pushes
  }

  #push(session: CachingSession, items: readonly Invalidation[], nowMs: number): Push {
    const number = this.#nextNumber++
    const leftMs = Math.max(0, session.notedMs + INTEREST_MS - nowMs)
    const cancel = this.#host.timers.after(leftMs, () => this.#over(session, number))
    const push: Push = { items, cancel, over: [] }
    session.pushes.set(number, push)
    if (session.connection !== undefined) this.#send(session.connection, number, items)
    return push
  }

  #send(connection: ServerConnection, number: number, items: readonly Invalidation[]): void {
    this.pushes += 1
    connection.push(PUSH.invalidate, invalidations, { number, items: [...items] })
    this.#toFlush.add(connection)
  }

  #whenOver(pushes: readonly Push[], answer: (isLate: boolean) => void): void {
    let left = pushes.length + (this.#held === undefined ? 0 : 1)
    if (left === 0) return answer(false)
    this.waits += 1
    const over = (): void => {
      left -= 1
      if (left === 0) answer(true)
    }
    this.#held?.push(over)
    for (const push of pushes) push.over.push(over)
  }

  #over(session: CachingSession, number: number): void {
    const push = session.pushes.get(number)
    if (push === undefined) return
    session.pushes.delete(number)
    push.cancel()
    for (const over of push.over) over()
  }

  #end(session: CachingSession): void {
    this.#sessions.delete(session.clientId)
    if (session.connection !== undefined) this.#byConnection.delete(session.connection)
    for (const number of [...session.pushes.keys()]) this.#over(session, number)
    if (this.#sessions.size === 0 && this.#held === undefined) this.#mark.idle()
  }

  #release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const over of held) over()
  }
}
