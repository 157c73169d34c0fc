/**
 * Memory for block data that is used again: buffers of 64 KiB and of 1 MiB. A fresh megabyte costs a quarter
 * of the time that copying it does. The pool bounds only what it keeps; who takes buffers bounds how many are
 * out.
 */
import { assert } from '../base/assert.ts'

const SMALL_BYTES = 64 * 1024
const LARGE_BYTES = 1024 * 1024
/** Free buffers kept; more are left to the garbage collector. */
const SMALL_KEPT_MAX = 128
const LARGE_KEPT_MAX = 32

export class BufferPool {
  readonly #small: Buffer[] = []
  readonly #large: Buffer[] = []

  /** A buffer of at least `bytes` (at most 1 MiB) with whatever it held before. */
  take(bytes: number): Buffer {
    assert(bytes <= LARGE_BYTES, `a buffer of ${bytes} bytes`)
    if (bytes <= SMALL_BYTES) return this.#small.pop() ?? Buffer.allocUnsafeSlow(SMALL_BYTES)
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES)
  }

  /** Gives back what `take` gave (the whole buffer, not a part of it); the caller must not touch it again. */
  give(buffer: Buffer): void {
    if (buffer.length === SMALL_BYTES) {
      if (this.#small.length < SMALL_KEPT_MAX) this.#small.push(buffer)
      return
    }
    assert(buffer.length === LARGE_BYTES, `a buffer of ${buffer.length} bytes is not of the pool`)
    if (this.#large.length < LARGE_KEPT_MAX) this.#large.push(buffer)
  }
}
