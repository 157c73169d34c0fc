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
  #made = 0

  /** Buffers that were made because none was free. */
  get made(): number {
    return this.#made
  }

  /** A buffer of at least `bytes` (at most 1 MiB) with whatever it held before. */
  take(bytes: number): Buffer {
    assert(bytes <= LARGE_BYTES, `a buffer of ${bytes} bytes`)
    const isSmall = bytes <= SMALL_BYTES
    const free = (isSmall ? this.#small : this.#large).pop()
    if (free !== undefined) return free
    this.#made += 1
    return Buffer.allocUnsafeSlow(isSmall ? SMALL_BYTES : LARGE_BYTES)
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

/** Memory of a pool that several hold: it goes back when the last of them lets go of it. */
export class SharedBuffer {
  readonly memory: Buffer
  readonly #pool: BufferPool
  #holders = 1

  /** Whoever makes it holds it. At most 1 MiB. */
  constructor(pool: BufferPool, bytes: number) {
    this.#pool = pool
    this.memory = pool.take(bytes)
  }

  hold(): void {
    assert(this.#holders > 0, 'memory is held that was given back')
    this.#holders += 1
  }

  /** One holder needs it no longer. */
  letGo(): void {
    this.#holders -= 1
    assert(this.#holders >= 0, 'memory is let go of more often than held')
    if (this.#holders === 0) this.#pool.give(this.memory)
  }
}
