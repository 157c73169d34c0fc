/**
 * Locks of one session: decided here while they are delegated, else at the namenode. It keeps a copy of what
 * its owners hold wherever that is decided, so that it can say it again. A request that must wait gives the
 * delegation back first, so that all waiting, and with it every circle, is seen in one place.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { type LockRange, type LockType, overlaps } from '@hopbine/common/locks/lock-pieces.ts'
import { type HeldLock, LOCK_KIND, type LockKind, type LockPlace } from '@hopbine/common/locks/lock-queue.ts'
import { LockTable, WHOLE_FILE } from '@hopbine/common/locks/lock-table.ts'
import * as rpc from '@hopbine/common/protocol/locks.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { isPrivateCall } from '../leases/private-call.ts'
import { InodeLocks, keyOf } from './inode-locks.ts'
import { type Claims, LockCaller } from './lock-caller.ts'
import { LockRequests, pieceOf } from './lock-requests.ts'
import { OpenDeclarations } from './open-declarations.ts'

export interface LockAsk {
  readonly place: LockPlace
  readonly wanted: HeldLock
  /** Handle through which it is asked for. */
  readonly handle: number
  readonly wait: boolean
  /** Gives the waiting up. */
  readonly signal: AbortSignal
}

export type LockResult = 'granted' | 'deadlock' | 'cancelled' | 'full' | { readonly conflict: HeldLock }

export interface LockedFiles {
  /**
   * What was written is saved and what was read is forgotten: others may write from now on, or may have
   * written until now. Never rejects.
   */
  settle(inodeId: number): Promise<void>
  /** What was locked through these handles is no longer. */
  lost(inodeId: number, handles: readonly number[]): void
}

/** A delegation without locks that nobody used for so long is given back, in milliseconds. */
const IDLE_MS = 30_000
/** How long an unlock waits for a namenode that is away, in milliseconds; then it is made good later. */
const UNLOCK_MS = 2_000

export class SessionLocks {
  readonly opens: OpenDeclarations
  readonly #rpc: RpcClient
  readonly #files: LockedFiles
  readonly #caller: LockCaller
  readonly #requests: LockRequests
  readonly #table = new LockTable()
  readonly #inodes = new Map<number, InodeLocks>()
  /** Inode of each handle that something was locked through. */
  readonly #handles = new Map<number, number>()
  #timer: NodeJS.Timeout | undefined
  #recalls = 0

  constructor(rpcClient: RpcClient, files: LockedFiles) {
    this.#rpc = rpcClient
    this.#files = files
    this.#caller = new LockCaller(rpcClient, {
      claims: () => this.#claims(),
      lost: inodeIds => this.#lost(inodeIds),
    })
    this.#requests = new LockRequests(this.#caller, this.#table)
    this.opens = new OpenDeclarations({ caller: this.#caller, rpc: rpcClient, isPrivate: isPrivateCall })
  }

  async start(): Promise<void> {
    this.#rpc.listen(PUSH.recallLocks, payload => this.#recalled(rpc.lockRecall.decode(payload)))
    await this.#caller.start()
    this.#timer = setInterval(() => void this.#renew(), rpc.LOCK_RENEW_MS).unref()
  }

  /** Gives everything up. A namenode that does not hear it waits for the end of the term. */
  async end(): Promise<void> {
    clearInterval(this.#timer)
    if (!this.#caller.isOpen) return
    try {
      await this.#rpc.call(rpc.closeLocks, {}, { retryMs: 0 })
    } catch (error) {
      if (!isFsError(error)) throw error
    }
  }

  figures(): Record<string, number> {
    const states = [...this.#inodes.values()]
    return {
      held: this.#table.held,
      waiting: states.reduce((sum, { waits }) => sum + waits, 0),
      delegations: states.filter(({ delegation }) => delegation !== 0).length,
      recalls: this.#recalls,
    }
  }

  /** Somebody in this mount has locked the file, or asked for a lock of it, lately. */
  knows(inodeId: number): boolean {
    return this.#inodes.has(inodeId)
  }

  /** Decides at once if that needs neither waiting nor a word of the namenode. */
  tryNow(ask: LockAsk): LockResult | undefined {
    const state = this.#inodeOf(ask.place.inodeId)
    if (this.#table.held >= rpc.LOCKS_MAX) return 'full'
    if (!this.#decidesNow(state)) return undefined
    const conflict = this.#table.tryLock(ask.place, ask.wanted)
    if (conflict === undefined) return this.#granted(state, ask)
    return ask.wait ? undefined : { conflict }
  }

  async lock(ask: LockAsk): Promise<LockResult> {
    const state = this.#inodeOf(ask.place.inodeId)
    const first = await state.inTurn(() => this.#lockInTurn(state, ask))
    return first === 'wait' ? this.#wait(state, ask) : first
  }

  unlock(place: LockPlace, owner: string, range: LockRange): void | Promise<void> {
    const state = this.#inodes.get(place.inodeId)
    if (state === undefined || !this.#holds(place, owner, range)) return
    if (!state.isIdle || state.delegation === 0) {
      return state.inTurn(() => this.#unlockInTurn(state, place, owner, range))
    }
    state.usedMs = performance.now()
    this.#table.unlock(place, owner, range)
  }

  /** Whether something was locked through the handle of which it is not certain that it still is. */
  isDoubtful(handle: number): boolean {
    return this.#handles.has(handle) && !this.#caller.isTrusted
  }

  /** Resolves when the namenode has said what is still held. */
  async confirm(): Promise<void> {
    await this.#caller.call(rpc.renewLocks, {})
  }

  /** The lock that stands in the way. */
  test(place: LockPlace, wanted: HeldLock): HeldLock | undefined | Promise<HeldLock | undefined> {
    const state = this.#inodeOf(place.inodeId)
    if (this.#decidesNow(state)) return this.#table.test(place, wanted)
    return state.inTurn(async () => {
      if (await this.#decides(state)) return this.#table.test(place, wanted)
      const answer = await this.#caller.call(rpc.testLock, {
        inodeId: place.inodeId,
        piece: pieceOf(place.kind, wanted),
      })
      if (answer.outcome !== rpc.LOCK_OUTCOME.delegated) return conflictOf(answer)
      state.delegation = answer.delegation
      return this.#table.test(place, wanted)
    })
  }

  /** A process closed one of its descriptors of the file, which ends its POSIX locks of it. */
  closed(inodeId: number, owner: string): void | Promise<void> {
    const state = this.#inodes.get(inodeId)
    if (state?.takers.delete(keyOf(LOCK_KIND.posix, owner)) !== true) return
    return this.unlock({ inodeId, kind: LOCK_KIND.posix }, owner, WHOLE_FILE)
  }

  /** Nothing refers to the handle any more: what is locked through it alone goes. */
  released(handle: number): void | Promise<void> {
    const inodeId = this.#handles.get(handle)
    if (inodeId === undefined) return
    this.#handles.delete(handle)
    const state = this.#inodes.get(inodeId)
    const work: Promise<void>[] = []
    for (const [key, handles] of state?.takers ?? []) {
      if (!handles.delete(handle) || handles.size > 0) continue
      state?.takers.delete(key)
      const [kind, owner] = key.split(' ') as [string, string]
      const done = this.unlock({ inodeId, kind: Number(kind) as LockKind }, owner, WHOLE_FILE)
      if (done !== undefined) work.push(done)
    }
    return work.length === 0 ? undefined : Promise.all(work).then(() => undefined)
  }

  async #lockInTurn(state: InodeLocks, ask: LockAsk): Promise<LockResult | 'wait'> {
    for (;;) {
      if (await this.#decides(state)) {
        const conflict = this.#table.tryLock(ask.place, ask.wanted)
        if (conflict === undefined) return this.#granted(state, ask)
        if (!ask.wait) return { conflict }
        await this.#giveBack(state, state.delegation)
        return 'wait'
      }
      const answer = await this.#requests.lock(ask, { wait: false, delegate: state.waits === 0 })
      if (answer.outcome === rpc.LOCK_OUTCOME.delegated) {
        state.delegation = answer.delegation
        await this.#files.settle(state.inodeId)
        continue
      }
      const result = await this.#take(state, ask, answer)
      return ask.wait && typeof result === 'object' ? 'wait' : result
    }
  }

  async #wait(state: InodeLocks, ask: LockAsk): Promise<LockResult> {
    state.waits += 1
    try {
      for (;;) {
        const answer = await this.#requests.lock(ask, { wait: true, delegate: false })
        if (answer.outcome !== rpc.LOCK_OUTCOME.delegated) return await this.#take(state, ask, answer)
        state.delegation = answer.delegation
        const again = await state.inTurn(() => this.#lockInTurn(state, ask))
        if (again !== 'wait') return again
      }
    } finally {
      state.waits -= 1
      state.usedMs = performance.now()
    }
  }

  /** What the namenode decided becomes true here. */
  async #take(state: InodeLocks, ask: LockAsk, answer: rpc.LockAnswer): Promise<LockResult> {
    const { granted, deadlock, cancelled, full } = rpc.LOCK_OUTCOME
    const { place, wanted } = ask
    const conflict = conflictOf(answer)
    if (answer.outcome === granted) {
      this.#table.note(place, wanted)
      this.#granted(state, ask)
      await this.#files.settle(state.inodeId)
      return 'granted'
    }
    // One that could not be made stronger is lost, as in the table.
    if (place.kind === LOCK_KIND.flock && answer.outcome !== full) {
      this.#table.unlock(place, wanted.owner, WHOLE_FILE)
    }
    if (answer.outcome === deadlock) return 'deadlock'
    if (answer.outcome === cancelled) return 'cancelled'
    return conflict === undefined ? 'full' : { conflict }
  }

  #granted(state: InodeLocks, { place, wanted, handle }: LockAsk): 'granted' {
    state.usedMs = performance.now()
    state.taken(keyOf(place.kind, wanted.owner), handle)
    this.#handles.set(handle, state.inodeId)
    return 'granted'
  }

  async #unlockInTurn(state: InodeLocks, place: LockPlace, owner: string, range: LockRange): Promise<void> {
    if (!this.#holds(place, owner, range)) return
    if (state.delegation !== 0) return this.#table.unlock(place, owner, range)
    await this.#files.settle(state.inodeId)
    this.#table.unlock(place, owner, range)
    const piece = pieceOf(place.kind, { owner, ...range, type: 0, pid: 0 })
    await this.#requests.unlock(place, owner, piece, UNLOCK_MS)
  }

  #holds(place: LockPlace, owner: string, range: LockRange): boolean {
    return this.#table.piecesOf(place, owner).some(piece => overlaps(piece, range))
  }

  /** Decides without waiting for anything. */
  #decidesNow(state: InodeLocks): boolean {
    return state.delegation !== 0 && state.isIdle && this.#caller.isTrusted
  }

  /** Whether this session decides, once the namenode has said that it still does. */
  async #decides(state: InodeLocks): Promise<boolean> {
    if (state.delegation !== 0 && !this.#caller.isTrusted) await this.#caller.call(rpc.renewLocks, {})
    return state.delegation !== 0
  }

  #recalled({ inodeId, delegation }: { inodeId: number; delegation: number }): void {
    const state = this.#inodeOf(inodeId)
    if (state.isRecalling) return
    state.isRecalling = true
    this.#recalls += 1
    const done = state.inTurn(async () => {
      // The answer that delegated it may never have come: then all is known to the copy.
      if (state.delegation === 0 || state.delegation === delegation) await this.#giveBack(state, delegation)
    })
    // The namenode recalls it again when it hears from us.
    void this.#unlessAway(done).finally(() => {
      state.isRecalling = false
    })
  }

  async #giveBack(state: InodeLocks, delegation: number): Promise<void> {
    const { inodeId } = state
    await this.#files.settle(inodeId)
    const locks = this.#table.locksOf(inodeId).map(({ kind, lock }) => pieceOf(kind, lock))
    await this.#caller.call(rpc.returnLocks, { inodeId, delegation, locks })
    if (state.delegation === delegation) state.delegation = 0
  }

  async #renew(): Promise<void> {
    if (!this.#caller.isOpen || (this.#inodes.size === 0 && this.opens.count === 0)) return
    await this.#unlessAway(this.#caller.call(rpc.renewLocks, {}, { retryMs: rpc.LOCK_RENEW_MS }))
    await this.#unlessAway(this.#requests.makeGood())
    const idleMs = performance.now() - IDLE_MS
    for (const state of this.#inodes.values()) {
      if (state.usedMs < idleMs && this.#isUnused(state)) await this.#unlessAway(this.#drop(state))
    }
  }

  async #drop(state: InodeLocks): Promise<void> {
    await state.inTurn(async () => {
      if (state.delegation !== 0) await this.#giveBack(state, state.delegation)
    })
    if (this.#isUnused(state) && state.delegation === 0) this.#inodes.delete(state.inodeId)
  }

  #isUnused(state: InodeLocks): boolean {
    const isHeld = this.#table.locksOf(state.inodeId).length > 0
    return state.isIdle && state.waits === 0 && !isHeld
  }

  /** A namenode that is away is no news here: whoever asks for a lock meets it. */
  async #unlessAway(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      if (!isFsError(error)) throw error
    }
  }

  #claims(): Claims {
    const inodes: Claims['inodes'] = []
    for (const { inodeId, delegation } of this.#inodes.values()) {
      const locks = this.#table.locksOf(inodeId).map(({ kind, lock }) => pieceOf(kind, lock))
      if (delegation !== 0) inodes.push({ inodeId, delegation, locks: [] })
      else if (locks.length > 0) inodes.push({ inodeId, delegation, locks })
    }
    return { inodes, opened: this.opens.inodes.slice(0, rpc.OPENS_MAX) }
  }

  #lost(inodeIds: readonly number[]): void {
    for (const inodeId of inodeIds) {
      const state = this.#inodes.get(inodeId)
      if (state === undefined) continue
      state.delegation = 0
      if (this.#table.locksOf(inodeId).length === 0) continue
      this.#table.dropOwnersOf(inodeId, () => true)
      const handles = [...state.takers.values()].flatMap(each => [...each])
      state.takers.clear()
      this.#files.lost(inodeId, handles)
    }
  }

  #inodeOf(inodeId: number): InodeLocks {
    let state = this.#inodes.get(inodeId)
    if (state === undefined) {
      state = new InodeLocks(inodeId)
      this.#inodes.set(inodeId, state)
    }
    return state
  }
}

function conflictOf({ conflict }: rpc.LockAnswer): HeldLock | undefined {
  return conflict === undefined ? undefined : { ...conflict, type: conflict.type as LockType }
}
