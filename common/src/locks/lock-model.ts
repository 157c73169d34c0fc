/**
 * Locks as a table of bytes: for each byte of each place, who holds it in which type. Slow and plain, to
 * compare the real table with. Test only.
 */
import { LOCK_TYPE, type LockRange } from './lock-pieces.ts'
import { type HeldLock, LOCK_KIND, type LockPlace } from './lock-queue.ts'

/** Bytes that the model knows; the last one stands for all that follow. */
export const MODEL_BYTES = 12

interface ModelWaiter {
  readonly id: number
  readonly place: LockPlace
  readonly wanted: HeldLock
}

export class LockModel {
  /** `inode/kind/byte` → owner → type. */
  readonly #bytes = new Map<string, Map<string, number>>()
  waiters: ModelWaiter[] = []
  /** Ends of waits since they were last taken, as `id end`. */
  ended: string[] = []

  holders(place: LockPlace, byte: number): Map<string, number> {
    const key = `${place.inodeId}/${place.kind}/${byte}`
    const known = this.#bytes.get(key) ?? new Map<string, number>()
    this.#bytes.set(key, known)
    return known
  }

  tryLock(place: LockPlace, wanted: HeldLock): boolean {
    if (this.#isFree(place, wanted)) {
      this.#set(place, wanted)
      this.#settle()
      return true
    }
    if (place.kind === LOCK_KIND.flock) this.unlock(place, wanted.owner, { start: 0, end: MODEL_BYTES - 1 })
    return false
  }

  wait(id: number, place: LockPlace, wanted: HeldLock): 'granted' | 'deadlock' | 'waiting' {
    const isFlock = place.kind === LOCK_KIND.flock
    if (isFlock && !this.#isFree(place, wanted)) {
      this.unlock(place, wanted.owner, { start: 0, end: MODEL_BYTES - 1 })
    }
    const waiter = { id, place, wanted }
    if (this.#mayHave(waiter, this.waiters)) {
      this.#set(place, wanted)
      this.#settle()
      return 'granted'
    }
    if (!isFlock && this.#reaches(waiter, wanted.owner, [])) return 'deadlock'
    this.waiters.push(waiter)
    return 'waiting'
  }

  unlock(place: LockPlace, owner: string, range: LockRange): void {
    for (let byte = range.start; byte <= range.end; byte++) this.holders(place, byte).delete(owner)
    this.#settle()
  }

  cancel(id: number): void {
    if (this.waiters.some(waiter => waiter.id === id)) this.ended.push(`${id} cancelled`)
    this.waiters = this.waiters.filter(waiter => waiter.id !== id)
    this.#settle()
  }

  holdsPosix(owner: string): boolean {
    return [...this.#bytes].some(([key, byte]) => key.split('/')[1] === '0' && byte.has(owner))
  }

  #isFree(place: LockPlace, wanted: HeldLock): boolean {
    return this.#inTheWay(place, wanted).length === 0
  }

  #inTheWay(place: LockPlace, wanted: HeldLock): string[] {
    const found: string[] = []
    for (let byte = wanted.start; byte <= wanted.end; byte++) {
      for (const [owner, type] of this.holders(place, byte)) {
        const excludes = type === LOCK_TYPE.write || wanted.type === LOCK_TYPE.write
        if (owner !== wanted.owner && excludes) found.push(owner)
      }
    }
    return found
  }

  #set(place: LockPlace, { start, end, owner, type }: HeldLock): void {
    for (let byte = start; byte <= end; byte++) this.holders(place, byte).set(owner, type)
  }

  #mayHave(waiter: ModelWaiter, earlier: readonly ModelWaiter[]): boolean {
    const { place, wanted } = waiter
    if (!this.#isFree(place, wanted)) return false
    const bytes = Array.from({ length: MODEL_BYTES }, (_, byte) => this.holders(place, byte))
    const holds =
      place.kind === LOCK_KIND.flock
        ? bytes.some(byte => byte.has(wanted.owner))
        : this.holdsPosix(wanted.owner)
    return holds || !earlier.some(other => excludes(other, waiter))
  }

  #reaches(waiter: ModelWaiter, target: string, seen: string[]): boolean {
    return this.#inTheWay(waiter.place, waiter.wanted).some(owner => {
      if (owner === target) return true
      if (seen.includes(owner)) return false
      seen.push(owner)
      const waits = this.waiters.filter(
        ({ place, wanted }) => wanted.owner === owner && place.kind === LOCK_KIND.posix,
      )
      return waits.some(next => this.#reaches(next, target, seen))
    })
  }

  /** Grants to waiters, the first that may have it first, until nobody may. */
  #settle(): void {
    for (;;) {
      const next = this.waiters.find((waiter, at) => this.#mayHave(waiter, this.waiters.slice(0, at)))
      if (next === undefined) return
      this.waiters = this.waiters.filter(waiter => waiter !== next)
      this.#set(next.place, next.wanted)
      this.ended.push(`${next.id} granted`)
    }
  }
}

function excludes(a: ModelWaiter, b: ModelWaiter): boolean {
  return (
    a.place.inodeId === b.place.inodeId &&
    a.place.kind === b.place.kind &&
    a.wanted.owner !== b.wanted.owner &&
    a.wanted.start <= b.wanted.end &&
    b.wanted.start <= a.wanted.end &&
    (a.wanted.type === LOCK_TYPE.write || b.wanted.type === LOCK_TYPE.write)
  )
}
