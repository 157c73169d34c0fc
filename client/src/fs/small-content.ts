/** The whole content of a small file in memory. It does no input or output. */
import { assert } from '@hopbine/common/base/assert.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'

export class SmallContent {
  #memory: Buffer
  #length: number
  /** Differs from what the server has. */
  isDirty = false

  constructor(content: Uint8Array, length = content.length) {
    assert(length <= INLINE_BYTES_MAX, `a small file of ${length} bytes`)
    this.#memory = Buffer.alloc(length)
    this.#memory.set(content.subarray(0, length))
    this.#length = length
  }

  get length(): number {
    return this.#length
  }

  /** The content; valid until the next change. */
  get bytes(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }

  /** Whether a file with a byte at `end - 1` is still small. */
  fits(end: number): boolean {
    return end <= INLINE_BYTES_MAX
  }

  /** Copies the bytes in; a gap before them reads as zeros. */
  write(position: number, bytes: Uint8Array): void {
    const end = position + bytes.length
    this.#reserve(end)
    this.#memory.set(bytes, position)
    if (end > this.#length) this.#length = end
    this.isDirty = true
  }

  /** Cuts the content or grows it by zeros. */
  resize(length: number): void {
    this.#reserve(length)
    if (length < this.#length) this.#memory.fill(0, length, this.#length)
    this.#length = length
    this.isDirty = true
  }

  /** Memory behind `length` is always zero. */
  #reserve(end: number): void {
    if (end <= this.#memory.length) return
    const larger = Buffer.alloc(Math.min(Math.max(end, this.#memory.length * 2), INLINE_BYTES_MAX))
    larger.set(this.bytes)
    this.#memory = larger
  }
}
