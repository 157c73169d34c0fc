/**
 * Reads primitive values from one message. Every step checks the end: a short or lying message throws
 * `FsError(BAD_FRAME)`, never reads past it, and never allocates more than the message holds.
 */
import { isUtf8 } from 'node:buffer'
import { FsError } from '../base/errors.ts'

export class Reader {
  readonly #buffer: Buffer
  readonly #view: DataView
  #position: number
  #end: number

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.#buffer = buffer
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
    this.#position = start
    this.#end = end
  }

  get position(): number {
    return this.#position
  }

  get remaining(): number {
    return this.#end - this.#position
  }

  /** Narrows the readable range to the next `bytes` and returns the old end, for `leave`. */
  enter(bytes: number): number {
    const outer = this.#end
    if (bytes > this.remaining) throw short()
    this.#end = this.#position + bytes
    return outer
  }

  /** Skips what `enter` left unread (fields of a newer peer) and widens the range again. */
  leave(outer: number): void {
    this.#position = this.#end
    this.#end = outer
  }

  u8(): number {
    const at = this.#take(1)
    return this.#view.getUint8(at)
  }

  u16(): number {
    const at = this.#take(2)
    return this.#view.getUint16(at, true)
  }

  u32(): number {
    const at = this.#take(4)
    return this.#view.getUint32(at, true)
  }

  f64(): number {
    const at = this.#take(8)
    return this.#view.getFloat64(at, true)
  }

  /** A whole number of magnitude up to 2^53 − 1. */
  int(): number {
    const value = this.f64()
    if (!Number.isSafeInteger(value)) throw new FsError('BAD_FRAME', 'a whole number was expected')
    return value
  }

  text(): string {
    const length = this.u16()
    const at = this.#take(length)
    const text = this.#buffer.toString('utf8', at, at + length)
    // Node replaces invalid bytes by U+FFFD, so only a text that holds one needs the costly look.
    if (text.includes('\ufffd') && !isUtf8(this.#buffer.subarray(at, at + length))) {
      throw new FsError('INVALID_NAME', 'a text is not valid UTF-8')
    }
    return text
  }

  /** A view of the message, not a copy: copy it to keep it. */
  bytes(): Buffer {
    const length = this.u32()
    const at = this.#take(length)
    return this.#buffer.subarray(at, at + length)
  }

  #take(bytes: number): number {
    const at = this.#position
    if (at + bytes > this.#end) throw short()
    this.#position = at + bytes
    return at
  }
}

function short(): FsError {
  return new FsError('BAD_FRAME', 'the message ends early')
}
