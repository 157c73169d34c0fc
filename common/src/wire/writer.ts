/**
 * Appends primitive values to one growing buffer, little-endian. Knows nothing of messages.
 * Integers up to 2^53 travel as IEEE doubles: exact, and one machine instruction to store.
 */
const START_BYTES = 16 * 1024
/** A short string is written by a loop: cheaper than a call into native code. */
const LOOP_CHARS_MAX = 64

export class Writer {
  #buffer: Buffer
  #view: DataView
  #position = 0

  constructor(startBytes = START_BYTES) {
    this.#buffer = Buffer.allocUnsafeSlow(startBytes)
    this.#view = viewOf(this.#buffer)
  }

  /** Bytes of memory it holds. */
  get capacity(): number {
    return this.#buffer.length
  }

  get position(): number {
    return this.#position
  }

  /** Forgets what was written; the memory stays. */
  reset(): void {
    this.#position = 0
  }

  /** Forgets what was written from `position` on. */
  rewind(position: number): void {
    this.#position = position
  }

  /** A copy of everything written. */
  copy(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#position))
  }

  /** A copy of what was written from `start` on, in memory of its own: fit to be kept for long. */
  copyFrom(start: number): Buffer {
    const kept = Buffer.allocUnsafeSlow(this.#position - start)
    this.#buffer.copy(kept, 0, start, this.#position)
    return kept
  }

  /** What was written, without a copy; valid until the next write or reset. */
  view(): Buffer {
    return this.#buffer.subarray(0, this.#position)
  }

  /** Some of what was written, without a copy; its bytes stay as they are until the next reset. */
  viewRange(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end)
  }

  u8(value: number): void {
    this.#room(1)
    this.#view.setUint8(this.#position, value)
    this.#position += 1
  }

  u16(value: number): void {
    this.#room(2)
    this.#view.setUint16(this.#position, value, true)
    this.#position += 2
  }

  u32(value: number): void {
    this.#room(4)
    this.#view.setUint32(this.#position, value, true)
    this.#position += 4
  }

  /** Overwrites four bytes written earlier, for lengths that are known late. */
  patchU32(position: number, value: number): void {
    this.#view.setUint32(position, value, true)
  }

  f64(value: number): void {
    this.#room(8)
    this.#view.setFloat64(this.#position, value, true)
    this.#position += 8
  }

  /** UTF-8 behind a 16-bit byte length; the caller has bounded it. */
  text(value: string): void {
    const length = value.length
    if (length > LOOP_CHARS_MAX) return this.#longText(value)
    this.#room(2 + length)
    const buffer = this.#buffer
    const start = this.#position + 2
    for (let i = 0; i < length; i++) {
      const char = value.charCodeAt(i)
      if (char > 127) return this.#longText(value)
      buffer[start + i] = char
    }
    this.#view.setUint16(this.#position, length, true)
    this.#position = start + length
  }

  #longText(value: string): void {
    this.#room(2 + value.length * 3)
    const bytes = this.#buffer.write(value, this.#position + 2, 'utf8')
    if (bytes > 0xffff) throw new RangeError(`text of ${bytes} bytes exceeds 65,535`)
    this.#view.setUint16(this.#position, bytes, true)
    this.#position += 2 + bytes
  }

  /** Raw bytes behind a 32-bit length. */
  bytes(value: Uint8Array): void {
    this.u32(value.length)
    this.raw(value)
  }

  /** Raw bytes without a length. */
  raw(value: Uint8Array): void {
    this.#room(value.length)
    this.#buffer.set(value, this.#position)
    this.#position += value.length
  }

  #room(bytes: number): void {
    const needed = this.#position + bytes
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    larger.set(this.#buffer.subarray(0, this.#position))
    this.#buffer = larger
    this.#view = viewOf(larger)
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
}
