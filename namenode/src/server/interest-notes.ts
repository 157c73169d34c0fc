/**
 * What the caches of one session may hold, by inode: a few bits for each, remembered for at least a set time
 * and at most twice as long, in two maps of which the older is dropped whole. Bounded: when there is no room
 * for one more inode, everything counts as held for that time.
 */

/** Bits of what a session was told of an inode. */
export const INTEREST = {
  /** Of a directory: what some names in it stand for, or that there are none of that name. */
  entries: 1,
  /** Its attributes. */
  attributes: 2,
  /** Of a directory: the attributes of anything in it. */
  listed: 4,
  /** Of a directory: attributes of something in it, which has the bit `attributes` itself. */
  near: 8,
} as const

/** Inodes remembered in one period. */
const INODES_MAX = 65_536

export class InterestNotes {
  readonly #periodMs: number
  readonly #max: number
  #young = new Map<number, number>()
  #old = new Map<number, number>()
  #isYoungFull = false
  #isOldFull = false
  #turnedMs: number

  constructor(periodMs: number, nowMs: number, max = INODES_MAX) {
    this.#periodMs = periodMs
    this.#max = max
    this.#turnedMs = nowMs
  }

  /** Remembers bits of an inode for at least the period from now on. */
  note(inodeId: number, bits: number, nowMs: number): void {
    this.#turn(nowMs)
    const known = this.#young.get(inodeId)
    if (known === undefined && this.#young.size >= this.#max) this.#isYoungFull = true
    else if (((known ?? 0) | bits) !== known) this.#young.set(inodeId, (known ?? 0) | bits)
  }

  /** Whether any of the bits may be held. */
  has(inodeId: number, bits: number, nowMs: number): boolean {
    this.#turn(nowMs)
    if (this.#isYoungFull || this.#isOldFull) return true
    return (((this.#young.get(inodeId) ?? 0) | (this.#old.get(inodeId) ?? 0)) & bits) !== 0
  }

  #turn(nowMs: number): void {
    const passedMs = nowMs - this.#turnedMs
    if (passedMs < this.#periodMs) return
    this.#old = passedMs < 2 * this.#periodMs ? this.#young : new Map()
    this.#isOldFull = passedMs < 2 * this.#periodMs && this.#isYoungFull
    this.#young = new Map()
    this.#isYoungFull = false
    this.#turnedMs = nowMs
  }
}
