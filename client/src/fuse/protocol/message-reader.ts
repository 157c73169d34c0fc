/**
 * Reads one kernel message field by field, in the byte order of the machine (little-endian on every
 * platform that Node supports Linux on, besides s390x, which the mount refuses). It never reads beyond the
 * message.
 */
import { isUtf8 } from 'node:buffer'

/** A message that does not follow the protocol; `errno` is the answer that the kernel gets. */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
  readonly errno: 'EINVAL' | 'EILSEQ'

  constructor(errno: 'EINVAL' | 'EILSEQ', message: string) {
    super(message)
    this.errno = errno
  }
}

const WORD = 2 ** 32

export class MessageReader {
  readonly #bytes: Buffer
  readonly #end: number
  #at: number

  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get remaining(): number {
    return this.#end - this.#at
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#advance(4))
  }

  /** Exact up to 2^53; larger ones are rounded, which is enough to refuse them. */
  u64(): number {
    const at = this.#advance(8)
    return this.#bytes.readUInt32LE(at) + this.#bytes.readUInt32LE(at + 4) * WORD
  }

  /** Signed; exact within ±2^53. */
  i64(): number {
    const at = this.#advance(8)
    return this.#bytes.readUInt32LE(at) + this.#bytes.readInt32LE(at + 4) * WORD
  }

  /** A 64-bit value that is only compared: lock owners, which the kernel scrambles. */
  opaque64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#advance(8))
  }

  skip(bytes: number): void {
    this.#advance(bytes)
  }

  /** A text ended by NUL. EILSEQ unless it is UTF-8. */
  text(): string {
    const nul = this.#bytes.indexOf(0, this.#at)
    if (nul < 0 || nul >= this.#end) throw new ProtocolError('EINVAL', 'a text has no end')
    const bytes = this.#bytes.subarray(this.#at, nul)
    this.#at = nul + 1
    if (!isUtf8(bytes)) throw new ProtocolError('EILSEQ', 'a name is not valid UTF-8')
    return bytes.toString()
  }

  /** A name of one directory entry. */
  name(): string {
    const name = this.text()
    if (name === '' || name.includes('/')) throw new ProtocolError('EINVAL', 'not a name')
    return name
  }

  /** The next bytes, as a view of the message. */
  bytes(length: number): Buffer {
    const at = this.#advance(length)
    return this.#bytes.subarray(at, at + length)
  }

  #advance(bytes: number): number {
    const at = this.#at
    if (bytes > this.#end - at) throw new ProtocolError('EINVAL', 'a message ends too early')
    this.#at = at + bytes
    return at
  }
}
