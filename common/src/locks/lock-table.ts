/**
 * Locks of files as flock(2) and fcntl(2) define them: held ones and waiting ones of many inodes, and who
 * waits for whom. Pure: no clock, no I/O; the same calls give the same answers.
 *
 * A waiter lets those that came before it and exclude it go first, so that readers do not starve a writer;
 * but not when its owner holds a lock itself, since the others may wait for that one. What remains is a wait
 * for a process that holds a lock under another owner, which the table cannot see: `insist` ends it.
 */
import { LOCK_END, LOCK_TYPE, type LockRange } from './lock-pieces.ts'
import {
  type HeldLock,
  LOCK_KIND,
  type LockKind,
  type LockPlace,
  LockQueue,
  type WaitEnd,
  type Waiter,
} from './lock-queue.ts'

export const WHOLE_FILE: LockRange = { start: 0, end: LOCK_END }

const KINDS = [LOCK_KIND.posix, LOCK_KIND.flock] as const

type Queues = { readonly [Kind in LockKind]: LockQueue }

export class LockTable {
  readonly #inodes = new Map<number, Queues>()
  /** Pieces that each owner holds in POSIX locks. */
  readonly #posixPieces = new Map<string, number>()
  /** What each owner waits for in POSIX locks. */
  readonly #posixWaits = new Map<string, Set<Waiter>>()
  readonly #waiters = new Set<Waiter>()
  readonly #groupOf: (owner: string) => string
  readonly #heldByGroup = new Map<string, number>()
  #held = 0

  /** `groupOf` says for whom an owner's pieces are counted together. */
  constructor(groupOf: (owner: string) => string = () => '') {
    this.#groupOf = groupOf
  }

  /** Pieces held. */
  get held(): number {
    return this.#held
  }

  /** Pieces that the owners of one group hold. */
  heldBy(group: string): number {
    return this.#heldByGroup.get(group) ?? 0
  }

  get waiting(): number {
    return this.#waiters.size
  }

  /** Inodes of which something is held or waited for. */
  get inodes(): number[] {
    return [...this.#inodes.keys()]
  }

  /** Waits that have not ended, in order of arrival. */
  get waiters(): IterableIterator<Waiter> {
    return this.#waiters.values()
  }

  /**
   * Grants at once, or answers the lock that stands in the way. A BSD lock that cannot be made stronger is
   * lost, as flock(2) warns.
   */
  tryLock(place: LockPlace, wanted: HeldLock): HeldLock | undefined {
    const conflict = this.test(place, wanted)
    if (conflict === undefined) this.#grant(place, wanted)
    else if (place.kind === LOCK_KIND.flock) this.unlock(place, wanted.owner, WHOLE_FILE)
    return conflict
  }

  /** Grants at once, or refuses for the circle that waiting would close, or answers the waiter. */
  lockOrWait(
    place: LockPlace,
    wanted: HeldLock,
    settled: (end: WaitEnd) => void,
  ): 'granted' | 'deadlock' | Waiter {
    const { inodeId, kind } = place
    if (kind === LOCK_KIND.flock && this.test(place, wanted) !== undefined) {
      // The old lock goes first: two readers that want to write would wait for each other.
      this.unlock(place, wanted.owner, WHOLE_FILE)
    }
    const waiter: Waiter = { place: { inodeId, kind }, wanted, insists: false, end: undefined, settled }
    if (this.#mayGrant(waiter, Number.POSITIVE_INFINITY)) {
      this.#grant(place, wanted)
      return 'granted'
    }
    if (this.#isDeadlock(waiter)) return 'deadlock'
    this.#queueOf(place).waiters.push(waiter)
    this.#waiters.add(waiter)
    if (kind === LOCK_KIND.posix) this.#noteWait(waiter)
    return waiter
  }

  /** Notes what was granted elsewhere, without a look at what stands in the way. */
  note(place: LockPlace, granted: HeldLock): void {
    this.#grant(place, granted)
  }

  unlock(place: LockPlace, owner: string, range: LockRange): void {
    const queue = this.#find(place)
    if (queue === undefined) return
    this.#count(place.kind, owner, queue.release(owner, range))
    this.#wake(place)
    this.#dropIfEmpty(place.inodeId)
  }

  /** The lock that would stand in the way; undefined: it would be granted. */
  test(place: LockPlace, wanted: HeldLock): HeldLock | undefined {
    return this.#find(place)?.conflict(wanted)
  }

  /** Ends a wait, if it has not ended: it is told `cancelled`. */
  cancel(waiter: Waiter): void {
    if (waiter.end !== undefined) return
    this.#endWait(waiter, 'cancelled')
    this.#wake(waiter.place)
    this.#dropIfEmpty(waiter.place.inodeId)
  }

  /** The waiter no longer lets others go first. */
  insist(waiter: Waiter): void {
    waiter.insists = true
    if (waiter.end === undefined) this.#wake(waiter.place)
  }

  hasWaiters(inodeId: number): boolean {
    return KINDS.some(kind => (this.#find({ inodeId, kind })?.waiters.length ?? 0) > 0)
  }

  /** What is held of an inode, by kind. */
  locksOf(inodeId: number): { readonly kind: LockKind; readonly lock: HeldLock }[] {
    return KINDS.flatMap(kind => {
      const locks = this.#find({ inodeId, kind })?.all() ?? []
      return locks.map(lock => ({ kind, lock }))
    })
  }

  /** Pieces that an owner holds at a place, in order. */
  piecesOf(place: LockPlace, owner: string): HeldLock[] {
    const pieces = this.#find(place)?.held.get(owner) ?? []
    return pieces.map(piece => ({ ...piece, owner }))
  }

  /** Everything that owners of which `isGone` is true hold or wait for ends. */
  dropOwners(isGone: (owner: string) => boolean): void {
    for (const waiter of [...this.#waiters]) if (isGone(waiter.wanted.owner)) this.cancel(waiter)
    for (const inodeId of this.inodes) this.dropOwnersOf(inodeId, isGone)
  }

  /** What such owners hold of one inode ends. */
  dropOwnersOf(inodeId: number, isGone: (owner: string) => boolean): void {
    for (const kind of KINDS) {
      const owners = [...(this.#find({ inodeId, kind })?.held.keys() ?? [])]
      for (const owner of owners) if (isGone(owner)) this.unlock({ inodeId, kind }, owner, WHOLE_FILE)
    }
  }

  #find({ inodeId, kind }: LockPlace): LockQueue | undefined {
    return this.#inodes.get(inodeId)?.[kind]
  }

  #queueOf({ inodeId, kind }: LockPlace): LockQueue {
    let queues = this.#inodes.get(inodeId)
    if (queues === undefined) {
      queues = { [LOCK_KIND.posix]: new LockQueue(), [LOCK_KIND.flock]: new LockQueue() }
      this.#inodes.set(inodeId, queues)
    }
    return queues[kind]
  }

  #dropIfEmpty(inodeId: number): void {
    const queues = this.#inodes.get(inodeId)
    if (queues !== undefined && KINDS.every(kind => queues[kind].isEmpty)) this.#inodes.delete(inodeId)
  }

  /** `before` says how many waiters of the queue came first. */
  #mayGrant({ place, wanted, insists }: Waiter, before: number): boolean {
    const queue = this.#find(place)
    if (queue === undefined) return true
    if (queue.conflict(wanted) !== undefined) return false
    const { owner } = wanted
    const holds = place.kind === LOCK_KIND.posix ? this.#posixPieces.has(owner) : queue.held.has(owner)
    return insists || holds || !queue.isBehind(wanted, before)
  }

  #grant(place: LockPlace, wanted: HeldLock): void {
    const { owner, type } = wanted
    const isFirst = place.kind === LOCK_KIND.posix && !this.#posixPieces.has(owner)
    const queue = this.#queueOf(place)
    this.#count(place.kind, owner, queue.assign(wanted))
    if (place.kind === LOCK_KIND.posix) this.#refuseCircles(queue.waiters, owner)
    // A stronger lock may have become a weaker one.
    if (type === LOCK_TYPE.read) this.#wake(place)
    // An owner that holds something lets nobody go first any more.
    if (isFirst) for (const waiter of [...(this.#posixWaits.get(owner) ?? [])]) this.#wake(waiter.place)
  }

  #wake(place: LockPlace): void {
    const waiters = this.#find(place)?.waiters ?? []
    for (let i = 0; i < waiters.length; ) {
      const waiter = waiters[i] as Waiter
      if (!this.#mayGrant(waiter, i)) {
        i += 1
        continue
      }
      this.#endWait(waiter, 'granted')
      this.#grant(place, waiter.wanted)
      i = 0
    }
  }

  /** An owner that waits somewhere got a lock: those who now wait for it may have closed a circle. */
  #refuseCircles(waiters: readonly Waiter[], owner: string): void {
    if (!this.#posixWaits.has(owner)) return
    for (const waiter of [...waiters]) {
      if (waiter.end === undefined && this.#isDeadlock(waiter)) this.#endWait(waiter, 'deadlock')
    }
  }

  /** Whether one of those in the way waits, through any number of others, for the waiter's owner. */
  #isDeadlock({ place, wanted }: Waiter): boolean {
    if (place.kind === LOCK_KIND.flock) return false
    const seen = new Set<string>()
    const open = this.#ownersInTheWay(place, wanted)
    for (let owner = open.pop(); owner !== undefined; owner = open.pop()) {
      if (owner === wanted.owner) return true
      if (seen.has(owner)) continue
      seen.add(owner)
      for (const waiter of this.#posixWaits.get(owner) ?? []) {
        open.push(...this.#ownersInTheWay(waiter.place, waiter.wanted))
      }
    }
    return false
  }

  #ownersInTheWay(place: LockPlace, wanted: HeldLock): string[] {
    return [...(this.#find(place)?.conflicts(wanted) ?? [])].map(({ owner }) => owner)
  }

  #noteWait(waiter: Waiter): void {
    const { owner } = waiter.wanted
    const waits = this.#posixWaits.get(owner)
    if (waits === undefined) this.#posixWaits.set(owner, new Set([waiter]))
    else waits.add(waiter)
  }

  #endWait(waiter: Waiter, end: WaitEnd): void {
    const { place, wanted } = waiter
    const { waiters } = this.#queueOf(place)
    waiters.splice(waiters.indexOf(waiter), 1)
    this.#waiters.delete(waiter)
    const waits = this.#posixWaits.get(wanted.owner)
    waits?.delete(waiter)
    if (waits?.size === 0) this.#posixWaits.delete(wanted.owner)
    waiter.end = end
    waiter.settled(end)
  }

  #count(kind: LockKind, owner: string, more: number): void {
    if (more === 0) return
    this.#held += more
    const group = this.#groupOf(owner)
    const ofGroup = this.heldBy(group) + more
    if (ofGroup === 0) this.#heldByGroup.delete(group)
    else this.#heldByGroup.set(group, ofGroup)
    if (kind === LOCK_KIND.flock) return
    const count = (this.#posixPieces.get(owner) ?? 0) + more
    if (count === 0) this.#posixPieces.delete(owner)
    else this.#posixPieces.set(owner, count)
  }
}
