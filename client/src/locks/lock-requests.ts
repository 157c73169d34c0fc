/**
 * Requests for locks at the namenode that may be given up, and what is owed to it after an answer that nobody
 * waited for: then it hears what the owner holds here, which is what counts.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { HeldLock, LockKind, LockPlace } from '@hopbine/common/locks/lock-queue.ts'
import type { LockTable } from '@hopbine/common/locks/lock-table.ts'
import * as rpc from '@hopbine/common/protocol/locks.ts'
import type { LockCaller } from './lock-caller.ts'

export interface GivenUp {
  readonly place: LockPlace
  readonly wanted: HeldLock
  readonly signal: AbortSignal
}

interface Owed {
  readonly place: LockPlace
  readonly owner: string
  /** Numbers of requests that are waited for no longer. */
  readonly cancel: number[]
}

/** How long a request that is given up may still take, in milliseconds. */
const GIVE_UP_MS = 1_000
/** A wait that a lost connection ended is begun again when it was longer than this, in milliseconds. */
const LONG_WAIT_MS = 5_000

export class LockRequests {
  readonly #caller: Pick<LockCaller, 'call'>
  readonly #table: LockTable
  readonly #owed = new Map<string, Owed>()
  /** Requests under way, by owner and place: their answers may not be in the table yet. */
  readonly #underWay = new Map<string, number>()
  #number = 1

  constructor(caller: Pick<LockCaller, 'call'>, table: LockTable) {
    this.#caller = caller
    this.#table = table
  }

  /** Throws CANCELLED when it was given up and the namenode did not answer to that. */
  async lock(ask: GivenUp, how: { wait: boolean; delegate: boolean }): Promise<rpc.LockAnswer> {
    for (;;) {
      await this.makeGood()
      const startedMs = performance.now()
      try {
        return await this.#lockOnce(ask, how)
      } catch (error) {
        // The budget of one call is for a namenode that is away, not for the time that it let us wait.
        const isLong = how.wait && performance.now() - startedMs > LONG_WAIT_MS
        const isAway = isFsError(error) && error.retry === 'same-node'
        if (!isLong || !isAway || ask.signal.aborted) throw error
      }
    }
  }

  /** An answer that does not come in time is not waited for: the lock is given up here, and there later. */
  async unlock(place: LockPlace, owner: string, piece: rpc.LockPieceMessage, retryMs: number): Promise<void> {
    try {
      await this.#caller.call(rpc.unlock, { inodeId: place.inodeId, piece }, { retryMs })
    } catch (error) {
      if (!isFsError(error)) throw error
      this.#owe(place, owner)
    }
  }

  /** Pays what is owed. Throws, and still owes it, when the namenode is away. */
  async makeGood(): Promise<void> {
    for (const [key, owed] of this.#owed) {
      if (this.#underWay.has(key)) continue
      const { place, owner, cancel } = owed
      const locks = this.#table.piecesOf(place, owner).map(lock => pieceOf(place.kind, lock))
      const request = { inodeId: place.inodeId, kind: place.kind, owner, locks, cancel }
      await this.#caller.call(rpc.restoreLocks, request)
      if (this.#owed.get(key) === owed) this.#owed.delete(key)
    }
  }

  async #lockOnce(ask: GivenUp, how: { wait: boolean; delegate: boolean }): Promise<rpc.LockAnswer> {
    const { place, wanted, signal } = ask
    if (signal.aborted) throw new FsError('CANCELLED')
    const number = this.#number++
    const stop = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const giveUp = (): void => {
      timer = setTimeout(() => stop.abort(), GIVE_UP_MS)
      // Whether it comes too late shows in the answer to the request itself.
      this.#caller.call(rpc.cancelLock, { number }, { retryMs: 0 }).catch((error: unknown) => {
        if (!isFsError(error)) throw error
      })
    }
    signal.addEventListener('abort', giveUp, { once: true })
    this.#countUnderWay(place, wanted.owner, 1)
    try {
      const request = { inodeId: place.inodeId, piece: pieceOf(place.kind, wanted), number, ...how }
      return await this.#caller.call(rpc.lock, request, { signal: stop.signal })
    } catch (error) {
      this.#owe(place, wanted.owner, number)
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      // Whoever gets the answer enters it into the table first.
      setImmediate(() => this.#countUnderWay(place, wanted.owner, -1))
    }
  }

  #countUnderWay(place: LockPlace, owner: string, more: number): void {
    const key = keyOf(place, owner)
    const count = (this.#underWay.get(key) ?? 0) + more
    if (count === 0) this.#underWay.delete(key)
    else this.#underWay.set(key, count)
  }

  #owe(place: LockPlace, owner: string, ...cancel: number[]): void {
    const key = keyOf(place, owner)
    const before = this.#owed.get(key)?.cancel ?? []
    this.#owed.set(key, { place, owner, cancel: [...before, ...cancel] })
  }
}

function keyOf({ inodeId, kind }: LockPlace, owner: string): string {
  return `${inodeId} ${kind} ${owner}`
}

export function pieceOf(kind: LockKind, lock: HeldLock): rpc.LockPieceMessage {
  const { owner, type, start, end, pid } = lock
  return { kind, owner, type, start, end, pid }
}
