/**
 * Frames of the native RPC, little-endian. Every frame starts with the byte length of what follows.
 *
 *   request   u32 length · u8 kind · u8 flags · u16 method · u32 id · u16 principal · u16 shard ·
 *             f64 sequence · u32 behind · payload
 *   response  u32 length · u8 kind · u8 flags · u16 method · u32 id · f64 index · payload
 *   failure   the same header as a response; payload is a `failure` record
 *   push      the same header as a response, id 0; method names the push
 *
 * `sequence` numbers the writes of a client session (0: a read). `behind` says how many numbers below it may
 * still be unanswered, so the server may forget answers before `sequence - behind`. `index` is the applied
 * index of the shard when the answer was made. `flags` of a request: 1 if nobody waits for an answer, and
 * none is sent.
 */
import { FsError } from '../base/errors.ts'
import { FRAME_BYTES_MAX } from '../base/limits.ts'
import { Reader } from './reader.ts'

export const FRAME_KIND = { request: 1, response: 2, failure: 3, push: 4 } as const
/** Flags of a request. */
export const REQUEST_FLAG = { oneWay: 1 } as const

const LENGTH_BYTES = 4
/** The kind, flags, method and id that each frame has at least. */
const BODY_BYTES_MIN = 8

/**
 * Cuts a stream of bytes into frames. `onFrame` gets a reader that stands behind the length and is valid only
 * during the call; when it returns false, what came behind the frame waits for the next push. Memory is
 * bounded by one frame and one chunk: a length over the limit throws before anything is gathered.
 */
export class FrameCutter {
  #held: Buffer | undefined
  #heldBytes = 0
  #needed = 0
  /** Bytes behind a frame at which the receiver stopped. */
  #waiting: Buffer | undefined
  readonly #frameBytesMax: number

  constructor(frameBytesMax = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax
  }

  /** True if the receiver stopped and bytes wait behind the frame: push, if only nothing, to go on. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  /** Throws FRAME_TOO_LARGE or BAD_FRAME; the connection cannot be used after that. */
  push(chunk: Buffer, onFrame: (reader: Reader) => unknown): void {
    let input = chunk
    if (this.#waiting !== undefined) {
      input = Buffer.concat([this.#waiting, chunk])
      this.#waiting = undefined
    }
    if (this.#held !== undefined) {
      const rest = this.#fill(input, onFrame)
      if (rest === undefined) return
      input = rest
    }
    let at = 0
    while (input.length - at >= LENGTH_BYTES) {
      const end = at + LENGTH_BYTES + this.#checked(input.readUInt32LE(at))
      if (end > input.length) break
      const goesOn = onFrame(new Reader(input, at + LENGTH_BYTES, end))
      at = end
      if (goesOn === false) return this.#stop(input.subarray(at))
    }
    if (at < input.length) this.#hold(input.subarray(at))
  }

  /**
   * Completes the held frame from `chunk`; returns what is left of the chunk, or undefined when still short
   * or stopped.
   */
  #fill(chunk: Buffer, onFrame: (reader: Reader) => unknown): Buffer | undefined {
    let input = chunk
    const held = this.#held as Buffer
    if (this.#needed === 0) {
      const copied = input.copy(held, this.#heldBytes, 0, LENGTH_BYTES - this.#heldBytes)
      this.#heldBytes += copied
      input = input.subarray(copied)
      if (this.#heldBytes < LENGTH_BYTES) return undefined
      this.#reserve(LENGTH_BYTES + this.#checked(held.readUInt32LE(0)))
    }
    const target = this.#held as Buffer
    const copied = input.copy(target, this.#heldBytes, 0, this.#needed - this.#heldBytes)
    this.#heldBytes += copied
    if (this.#heldBytes < this.#needed) return undefined
    this.#held = undefined
    this.#needed = 0
    this.#heldBytes = 0
    const rest = input.subarray(copied)
    if (onFrame(new Reader(target, LENGTH_BYTES, target.length)) !== false) return rest
    this.#stop(rest)
    return undefined
  }

  #stop(rest: Buffer): void {
    if (rest.length > 0) this.#waiting = rest
  }

  #hold(rest: Buffer): void {
    this.#heldBytes = rest.length
    if (rest.length < LENGTH_BYTES) {
      this.#held = Buffer.alloc(LENGTH_BYTES)
      rest.copy(this.#held)
      this.#needed = 0
      return
    }
    this.#held = Buffer.allocUnsafeSlow(LENGTH_BYTES + rest.readUInt32LE(0))
    rest.copy(this.#held)
    this.#needed = this.#held.length
  }

  #reserve(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes)
    ;(this.#held as Buffer).copy(larger)
    this.#held = larger
    this.#needed = bytes
  }

  #checked(length: number): number {
    if (length > this.#frameBytesMax) {
      throw new FsError('FRAME_TOO_LARGE', `a message of ${length} bytes exceeds ${this.#frameBytesMax}`)
    }
    if (length < BODY_BYTES_MIN) throw new FsError('BAD_FRAME', `a message of ${length} bytes has no header`)
    return length
  }
}
