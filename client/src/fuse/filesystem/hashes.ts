/**
 * Hashes of 53 bits, which fit into a number, for tables that are too large for the texts themselves. Two of
 * a million differ in all likelihood; where they do not, whoever uses them does only more than was needed.
 */

/** Two rounds of 32 bits each that go on with one more value. */
class Hash {
  #one = 0x9e3779b9
  #two = 0x85ebca6b

  reset(): void {
    this.#one = 0x9e3779b9
    this.#two = 0x85ebca6b
  }

  add(bits: number): void {
    this.#one = Math.imul(this.#one ^ bits, 0xcc9e2d51)
    this.#one ^= this.#one >>> 15
    this.#two = Math.imul(this.#two ^ bits, 0x1b873593)
    this.#two ^= this.#two >>> 13
  }

  /** An integer, exact up to 2^53. */
  addInteger(value: number): void {
    this.add(value | 0)
    this.add(Math.floor(value / WORD) | 0)
  }

  /** 1 … 2^53 − 1. */
  get value(): number {
    const high = Math.imul(this.#two ^ (this.#two >>> 16), 0xc2b2ae35) >>> 11
    const low = Math.imul(this.#one ^ (this.#one >>> 16), 0x85ebca6b) >>> 0
    return high * WORD + low || 1
  }
}

const WORD = 2 ** 32
const hash = new Hash()

/** Of a name in a directory. */
export function hashOfPlace(parentId: number, name: string): number {
  hash.reset()
  hash.addInteger(parentId)
  for (let at = 0; at < name.length; at++) hash.add(name.charCodeAt(at))
  return hash.value
}

/** Of some integers. */
export function hashOf(...values: readonly number[]): number {
  hash.reset()
  for (const value of values) hash.addInteger(value)
  return hash.value
}
