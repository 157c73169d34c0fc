/**
 * Open-addressing hash set of slots with linear probing and no tombstones. It stores slot numbers only; keys
 * stay in the columns of its owner, who compares them.
 */
import { assert } from '@hopbine/common/base/assert.ts'

const EMPTY = -1

export class SlotHash {
  #buckets: Int32Array
  #mask: number
  #count = 0

  constructor(buckets: number) {
    assert((buckets & (buckets - 1)) === 0, 'a power of two')
    this.#buckets = new Int32Array(buckets).fill(EMPTY)
    this.#mask = buckets - 1
  }

  /** For probing without a call per step: slots by bucket, negative where empty; start at `hash & mask`. */
  get buckets(): Int32Array {
    return this.#buckets
  }

  get mask(): number {
    return this.#mask
  }

  /** `hashOf` gives the hash of any slot inside, for the times when the table grows. */
  add(slot: number, hash: number, hashOf: (slot: number) => number): void {
    // At most half full: probes stay short.
    if ((this.#count + 1) * 2 > this.#buckets.length) this.#grow(hashOf)
    this.#place(slot, hash)
    this.#count += 1
  }

  remove(slot: number, hash: number, hashOf: (slot: number) => number): void {
    const buckets = this.#buckets
    let at = hash & this.#mask
    while (buckets[at] !== slot) {
      assert(buckets[at] !== EMPTY, 'the slot is in the hash')
      at = (at + 1) & this.#mask
    }
    // Shift back whatever would be cut off from its home by the hole.
    let hole = at
    for (let next = (at + 1) & this.#mask; buckets[next] !== EMPTY; next = (next + 1) & this.#mask) {
      const home = hashOf(buckets[next] as number) & this.#mask
      if (((next - home) & this.#mask) >= ((next - hole) & this.#mask)) {
        buckets[hole] = buckets[next] as number
        hole = next
      }
    }
    buckets[hole] = EMPTY
    this.#count -= 1
  }

  #place(slot: number, hash: number): void {
    let at = hash & this.#mask
    while (this.#buckets[at] !== EMPTY) at = (at + 1) & this.#mask
    this.#buckets[at] = slot
  }

  #grow(hashOf: (slot: number) => number): void {
    const old = this.#buckets
    this.#buckets = new Int32Array(old.length * 2).fill(EMPTY)
    this.#mask = this.#buckets.length - 1
    for (const slot of old) if (slot !== EMPTY) this.#place(slot, hashOf(slot))
  }
}
