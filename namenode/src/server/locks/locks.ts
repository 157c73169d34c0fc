/**
 * Locks of files across sessions: soft state of the leader, decided by the pure table of common/locks. Which
 * session may decide for itself is said by `InodeDecisions`; requests of others wait until it has given that
 * back, or its time is over.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import type { HeldLock, LockKind, LockPlace, WaitEnd, Waiter } from '@hopbine/common/locks/lock-queue.ts'
import { LockTable, WHOLE_FILE } from '@hopbine/common/locks/lock-table.ts'
import {
  DELEGATIONS_MAX,
  LOCK_OUTCOME,
  LOCK_TERM_MS,
  LOCKS_MAX,
  type LockAnswer,
  type lock as lockMethod,
  lockRecall,
  OPENS_MAX,
  type openLocks,
  type restoreLocks,
  type returnLocks,
} from '@hopbine/common/protocol/locks.ts'
import { endSession } from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import { Grace } from './grace.ts'
import { InodeDecisions, QUIET_MS } from './inode-decisions.ts'
import { heldOf, messageOf, placeOf, requirePiece } from './lock-messages.ts'
import { clientOf, type LockSession } from './lock-session.ts'
import { LockSessions } from './lock-sessions.ts'
import type { Remembered } from './remembered-sessions.ts'

const SWEEP_MS = 500
/** A waiter lets others that came before it go first for so long at most, in milliseconds. */
const YIELD_MS = 1_000

const GRANTED: LockAnswer = { outcome: LOCK_OUTCOME.granted, delegation: 0 }

export class Locks {
  readonly #host: Host
  readonly #remembered: Remembered
  readonly #sessions: LockSessions
  readonly #table = new LockTable(clientOf)
  readonly #inodes = new InodeDecisions()
  readonly #grace: Grace
  readonly #since = new WeakMap<Waiter, number>()
  readonly #stop: () => void
  #nextDelegation: number

  constructor(host: Host, remembered: Remembered, term: number) {
    this.#host = host
    this.#remembered = remembered
    this.#sessions = new LockSessions(host, remembered, term)
    this.#nextDelegation = term * 2 ** 24 + 1
    const untilMs = host.clock.monotonicMs() + LOCK_TERM_MS
    this.#grace = new Grace(remembered.all, untilMs, () => this.#inodes.settleAll())
    this.#stop = host.timers.every(SWEEP_MS, () => this.#sweep())
  }

  /** Sizes for those who watch. */
  get figures(): { held: number; waiting: number; delegations: number; recalls: number; sessions: number } {
    const { delegations, recalls } = this.#inodes
    const { held, waiting } = this.#table
    return { held, waiting, delegations, recalls, sessions: this.#sessions.count }
  }

  stop(): void {
    this.#stop()
  }

  open(
    request: RequestOf<typeof openLocks>,
    connection: ServerConnection,
  ): ResponseOf<typeof openLocks> | Promise<ResponseOf<typeof openLocks>> {
    const { incarnation, inodes, opened } = request
    const known = this.#sessions.find(connection.clientId)
    if (known !== undefined && known.incarnation === incarnation) {
      this.#sessions.caller(connection, incarnation)
      for (const inodeId of known.delegated) this.#remind(inodeId)
      return { incarnation, lost: [] }
    }
    if (known !== undefined) this.#endSession(known)
    const session = this.#sessions.begin(connection)
    const isAwaited = incarnation !== 0 && this.#grace.awaits(connection.clientId)
    const lost = inodes.filter(claim => !isAwaited || !this.#claim(session, claim))
    for (const inodeId of opened.slice(0, OPENS_MAX)) this.#sessions.open(session, inodeId)
    this.#grace.heard(connection.clientId)
    const answer = { incarnation: session.incarnation, lost: lost.map(({ inodeId }) => inodeId) }
    return session.remembered?.then(() => answer) ?? answer
  }

  /** A command was applied that may concern locks. */
  applied(method: Method<unknown, unknown>, request: unknown): void {
    if (method.id === endSession.id) this.end((request as RequestOf<typeof endSession>).clientId)
  }

  /** The session is dead, or has nothing any more. */
  end(clientId: string): void {
    const session = this.#sessions.find(clientId)
    if (session !== undefined) this.#endSession(session)
    else this.#sessions.forget(clientId)
    this.#grace.heard(clientId)
  }

  renew(incarnation: number, connection: ServerConnection): void {
    const session = this.#sessions.caller(connection, incarnation)
    for (const inodeId of session.delegated) this.#remind(inodeId)
  }

  lock(
    request: RequestOf<typeof lockMethod>,
    connection: ServerConnection,
  ): LockAnswer | Promise<LockAnswer> {
    const { inodeId, piece, number } = request
    requirePiece(piece)
    const session = this.#sessions.caller(connection, request.incarnation)
    session.requests.get(number)?.cancel()
    if (this.#obstacle(session, inodeId) === undefined) return this.#decide(session, request)
    return this.#whenDecidable(session, inodeId, number, () => this.#decide(session, request))
  }

  unlock(
    { incarnation, inodeId, piece }: { incarnation: number; inodeId: number; piece: LockAnswer['conflict'] },
    connection: ServerConnection,
  ): LockAnswer {
    if (piece === undefined) throw new FsError('INVALID_ARGUMENT', 'nothing to unlock')
    requirePiece(piece)
    const session = this.#sessions.caller(connection, incarnation)
    const own = this.#ownDelegation(session, inodeId)
    if (own !== undefined) return own
    this.#table.unlock(placeOf(inodeId, piece.kind), session.key(piece.owner), piece)
    return GRANTED
  }

  test(
    request: Pick<RequestOf<typeof lockMethod>, 'incarnation' | 'inodeId' | 'piece'>,
    connection: ServerConnection,
  ): LockAnswer | Promise<LockAnswer> {
    const { inodeId, piece } = request
    requirePiece(piece)
    const session = this.#sessions.caller(connection, request.incarnation)
    const look = (): LockAnswer => {
      const own = this.#ownDelegation(session, inodeId)
      if (own !== undefined) return own
      this.#inodes.note(inodeId, session.clientId, this.#host.clock.monotonicMs())
      const conflict = this.#table.test(placeOf(inodeId, piece.kind), heldOf(session, piece))
      return conflict === undefined ? GRANTED : this.#refused(session, piece.kind, conflict)
    }
    if (this.#obstacle(session, inodeId) === undefined) return look()
    return this.#whenDecidable(session, inodeId, 0, look)
  }

  cancel(incarnation: number, number: number, connection: ServerConnection): void {
    this.#sessions.caller(connection, incarnation).requests.get(number)?.cancel()
  }

  giveBack(request: RequestOf<typeof returnLocks>, connection: ServerConnection): void {
    const { incarnation, inodeId, delegation, locks } = request
    const session = this.#sessions.caller(connection, incarnation)
    const current = this.#inodes.find(inodeId)?.delegation
    if (current?.session !== session || current.number !== delegation) return
    for (const piece of locks) {
      requirePiece(piece)
      this.#table.tryLock(placeOf(inodeId, piece.kind), heldOf(session, piece))
    }
    this.#inodes.end(inodeId)
  }

  restore(request: RequestOf<typeof restoreLocks>, connection: ServerConnection): void {
    const { incarnation, inodeId, kind, owner, locks, cancel } = request
    const session = this.#sessions.caller(connection, incarnation)
    for (const number of cancel) session.requests.get(number)?.cancel()
    if (this.#ownDelegation(session, inodeId) !== undefined) return
    const place = placeOf(inodeId, kind)
    // Piece by piece, so that nobody gets in between; what is not listed goes.
    let next = 0
    for (const piece of [...locks].sort((a, b) => a.start - b.start)) {
      requirePiece(piece)
      if (piece.start > next) {
        this.#table.unlock(place, session.key(owner), { start: next, end: piece.start - 1 })
      }
      this.#table.tryLock(place, heldOf(session, { ...piece, kind, owner }))
      next = piece.end + 1
    }
    if (next <= WHOLE_FILE.end) {
      this.#table.unlock(place, session.key(owner), { start: next, end: WHOLE_FILE.end })
    }
  }

  declareOpens(
    { incarnation, opened, closed }: { incarnation: number; opened: number[]; closed: number[] },
    connection: ServerConnection,
  ): { shared: number[] } {
    const session = this.#sessions.caller(connection, incarnation)
    for (const inodeId of closed) this.#sessions.close(session, inodeId)
    const shared: number[] = []
    for (const inodeId of opened) {
      if (session.opened.size < OPENS_MAX) this.#sessions.open(session, inodeId)
      // One that cannot be noted any more is treated as if others had it open, too.
      if (this.#sessions.isShared(inodeId) || !session.opened.has(inodeId)) shared.push(inodeId)
    }
    return { shared }
  }

  #decide(session: LockSession, request: RequestOf<typeof lockMethod>): LockAnswer | Promise<LockAnswer> {
    const { inodeId, piece, wait } = request
    const own = this.#ownDelegation(session, inodeId)
    if (own !== undefined) return own
    const nowMs = this.#host.clock.monotonicMs()
    const { contestedMs } = this.#inodes.note(inodeId, session.clientId, nowMs)
    if (request.delegate && nowMs - contestedMs > QUIET_MS && this.#mayDelegate(session, inodeId)) {
      // Its own locks are known to it; from now on they are nobody else's business.
      this.#table.dropOwnersOf(inodeId, () => true)
      const { number } = this.#inodes.delegate(inodeId, session, this.#nextDelegation++)
      return { outcome: LOCK_OUTCOME.delegated, delegation: number }
    }
    if (this.#table.heldBy(session.clientId) >= LOCKS_MAX) {
      return { outcome: LOCK_OUTCOME.full, delegation: 0 }
    }
    const place = placeOf(inodeId, piece.kind)
    const wanted = heldOf(session, piece)
    if (wait) return this.#wait(session, place, wanted, request.number)
    const conflict = this.#table.tryLock(place, wanted)
    return conflict === undefined ? GRANTED : this.#refused(session, piece.kind, conflict)
  }

  #wait(
    session: LockSession,
    place: LockPlace,
    wanted: HeldLock,
    number: number,
  ): LockAnswer | Promise<LockAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<LockAnswer>()
    const request = { cancel: () => (typeof end === 'string' ? undefined : this.#table.cancel(end)) }
    const end = this.#table.lockOrWait(place, wanted, (how: WaitEnd) => {
      session.answered(number, request)
      if (session.isOver)
        reject(new FsError('SESSION_EXPIRED', 'the session ended while it waited for a lock'))
      else resolve({ outcome: LOCK_OUTCOME[how], delegation: 0 })
    })
    if (typeof end === 'string') return { outcome: LOCK_OUTCOME[end], delegation: 0 }
    this.#since.set(end, this.#host.clock.monotonicMs())
    session.requests.set(number, request)
    return promise
  }

  /** What keeps the namenode from deciding now; undefined: nothing. */
  #obstacle(session: LockSession, inodeId: number): Promise<void> | undefined {
    const decision = this.#inodes.find(inodeId)
    const delegation = decision?.delegation
    if (delegation !== undefined) {
      if (delegation.session === session) return undefined
      if (this.#inodes.recall(delegation)) this.#remind(inodeId)
      return delegation.returned
    }
    return decision?.isSettled === true ? undefined : this.#grace.over
  }

  async #whenDecidable<T>(
    session: LockSession,
    inodeId: number,
    number: number,
    decide: () => T | Promise<T>,
  ): Promise<T | LockAnswer> {
    const decision = this.#inodes.of(inodeId)
    const { promise: cancelled, resolve } = Promise.withResolvers<'cancelled'>()
    const request = { cancel: () => resolve('cancelled') }
    if (number !== 0) session.requests.set(number, request)
    decision.pending += 1
    try {
      for (;;) {
        const obstacle = this.#obstacle(session, inodeId)
        if (obstacle === undefined) break
        const first = await Promise.race([obstacle, cancelled])
        if (session.isOver) throw new FsError('SESSION_EXPIRED', 'the session ended while it waited')
        if (first === 'cancelled') return { outcome: LOCK_OUTCOME.cancelled, delegation: 0 }
      }
    } finally {
      decision.pending -= 1
      session.answered(number, request)
    }
    return decide()
  }

  /** Tells a session that others wait for an inode that it decides. */
  #remind(inodeId: number): void {
    const delegation = this.#inodes.find(inodeId)?.delegation
    if (delegation === undefined || !delegation.isRecalled) return
    const { session, number } = delegation
    session.connection.push(PUSH.recallLocks, lockRecall, { inodeId, delegation: number })
    session.connection.flush()
  }

  #mayDelegate(session: LockSession, inodeId: number): boolean {
    const { pending, isSettled } = this.#inodes.of(inodeId)
    if (pending > 0 || session.delegated.size >= DELEGATIONS_MAX || this.#table.hasWaiters(inodeId))
      return false
    if (this.#grace.over !== undefined && !isSettled) return false
    return this.#table.locksOf(inodeId).every(({ lock }) => clientOf(lock.owner) === session.clientId)
  }

  #ownDelegation(session: LockSession, inodeId: number): LockAnswer | undefined {
    const delegation = this.#inodes.find(inodeId)?.delegation
    if (delegation?.session !== session) return undefined
    return { outcome: LOCK_OUTCOME.delegated, delegation: delegation.number }
  }

  #refused(session: LockSession, kind: number, conflict: HeldLock): LockAnswer {
    const isOwn = clientOf(conflict.owner) === session.clientId
    return {
      outcome: LOCK_OUTCOME.refused,
      conflict: messageOf({ kind: kind as LockKind, lock: isOwn ? conflict : { ...conflict, pid: 0 } }),
      delegation: 0,
    }
  }

  /** Takes over what a session held before the restart; false, and nothing, if another has it. */
  #claim(session: LockSession, claim: RequestOf<typeof openLocks>['inodes'][number]): boolean {
    const { inodeId, delegation, locks } = claim
    const decision = this.#inodes.of(inodeId)
    if (decision.delegation !== undefined) return false
    if (delegation !== 0) {
      if (this.#table.locksOf(inodeId).length > 0) return false
      this.#inodes.delegate(inodeId, session, delegation)
      decision.isSettled = true
      return true
    }
    for (const piece of locks) {
      requirePiece(piece)
      const conflict = this.#table.tryLock(placeOf(inodeId, piece.kind), heldOf(session, piece))
      if (conflict === undefined) continue
      this.#table.dropOwnersOf(inodeId, owner => clientOf(owner) === session.clientId)
      return false
    }
    return true
  }

  #endSession(session: LockSession): void {
    session.isOver = true
    for (const request of [...session.requests.values()]) request.cancel()
    this.#table.dropOwners(owner => clientOf(owner) === session.clientId)
    for (const inodeId of [...session.delegated]) this.#inodes.end(inodeId)
    this.#sessions.end(session)
  }

  #sweep(): void {
    const nowMs = this.#host.clock.monotonicMs()
    for (const session of this.#sessions.silent()) this.#endSession(session)
    for (const clientId of this.#grace.late(nowMs)) this.#sessions.forget(clientId)
    for (const waiter of [...this.#table.waiters]) {
      if (!waiter.insists && nowMs - (this.#since.get(waiter) ?? nowMs) > YIELD_MS) this.#table.insist(waiter)
    }
    this.#inodes.trim(nowMs)
    this.#remembered.catchUp()
  }
}
