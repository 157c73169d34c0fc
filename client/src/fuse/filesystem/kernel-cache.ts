/**
 * What the kernel may use without asking, and for how long yet. A lifetime counts from when the namenode was
 * asked, since its interest in telling us of changes does; an answer that a change has overtaken gets none.
 * It remembers the names that the kernel was told lately, so that it need not be told of changes to others.
 * Pure: it looks at the clock and nothing else.
 */
import { CACHE_DRIFT_MS, INVALID, type Invalidation } from '@hopbine/common/protocol/cache-interest.ts'
import { hashOfPlace } from './hashes.ts'
import { ToldNames } from './told-names.ts'

/**
 * The kernel counts a lifetime from when it reads the answer, in ticks: on a machine that is busy it uses a
 * name for so long more, at most, as the namenode allows for. In milliseconds.
 */
const LATE_MS = CACHE_DRIFT_MS

/** A moment before a question: whatever is answered to it is at least as new. */
export interface Stamp {
  readonly sentMs: number
  /** Changes that had been told by then. */
  readonly seen: number
}

/**
 * Changes remembered, to tell which answers they overtook; of older questions everything counts as overtaken.
 */
const CHANGES_MAX = 1024

export class KernelCache {
  readonly cacheMs: number
  readonly #now: () => number
  #seen = 0
  readonly #changes: (Invalidation | undefined)[] = new Array(CHANGES_MAX)
  /** A name that counts as told though it was not only costs a word to the kernel. */
  readonly #told = new ToldNames()
  /** Requests of ours that change names in a directory and are not answered: the kernel holds its lock. */
  readonly #busy = new Map<number, number>()

  /** `cacheMs`: longest lifetime, in milliseconds; 0: the kernel asks every time. */
  constructor(cacheMs: number, now: () => number = () => performance.now()) {
    this.cacheMs = cacheMs
    this.#now = now
  }

  /** To be taken before the namenode is asked. */
  stamp(): Stamp {
    return { sentMs: this.#now(), seen: this.#seen }
  }

  /** How long attributes that were asked for at `stamp` may be used, in milliseconds. */
  attributesMs(stamp: Stamp, inodeId: number): number {
    return this.#isOvertaken(stamp, change => concernsAttributes(change, inodeId)) ? 0 : this.#leftMs(stamp)
  }

  /** The same for what a name stands for, or that it stands for nothing; the kernel is going to be told. */
  entryMs(stamp: Stamp, parentId: number, name: string): number {
    const leftMs = this.#leftMs(stamp)
    if (leftMs === 0 || this.#isOvertaken(stamp, change => concernsEntry(change, parentId, name))) return 0
    this.tell(parentId, name, stamp.sentMs + this.cacheMs)
    return leftMs
  }

  /** Whether content asked for at `stamp` is good for later reads. */
  isFresh(stamp: Stamp, inodeId: number): boolean {
    return this.#leftMs(stamp) > 0 && !this.#isOvertaken(stamp, change => concernsAttributes(change, inodeId))
  }

  /** The kernel may use this name until then. */
  tell(parentId: number, name: string, untilMs?: number): void {
    const nowMs = this.#now()
    this.#told.tell(hashOfPlace(parentId, name), (untilMs ?? nowMs + this.cacheMs) + LATE_MS, nowMs)
  }

  /** Until when the kernel may use a name, at the latest; 0 if it does not. */
  toldUntilMs(parentId: number, name: string): number {
    return this.#told.untilMs(hashOfPlace(parentId, name), this.#now())
  }

  /** Others changed something. */
  changed(change: Invalidation): void {
    this.#changes[this.#seen % CHANGES_MAX] = change
    this.#seen += 1
  }

  /** A request that changes names in the directory goes to the namenode; the returned function ends it. */
  beginNaming(directoryId: number): () => void {
    this.#busy.set(directoryId, (this.#busy.get(directoryId) ?? 0) + 1)
    return () => {
      const left = (this.#busy.get(directoryId) ?? 1) - 1
      if (left === 0) this.#busy.delete(directoryId)
      else this.#busy.set(directoryId, left)
    }
  }

  isNaming(directoryId: number): boolean {
    return this.#busy.has(directoryId)
  }

  #leftMs(stamp: Stamp): number {
    return Math.max(0, Math.floor(this.cacheMs - (this.#now() - stamp.sentMs)))
  }

  #isOvertaken(stamp: Stamp, concerns: (change: Invalidation) => boolean): boolean {
    if (this.#seen - stamp.seen > CHANGES_MAX) return true
    for (let at = stamp.seen; at < this.#seen; at++) {
      const change = this.#changes[at % CHANGES_MAX]
      if (change !== undefined && concerns(change)) return true
    }
    return false
  }
}

function concernsAttributes({ inodeId, parentId, what }: Invalidation, id: number): boolean {
  return inodeId === id || (parentId === id && (what & INVALID.entry) !== 0)
}

function concernsEntry({ parentId, name, what }: Invalidation, id: number, wanted: string): boolean {
  return (what & INVALID.entry) !== 0 && parentId === id && name === wanted
}
