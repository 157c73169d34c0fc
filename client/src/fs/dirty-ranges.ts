/**
 * Written bytes of one file that no block holds yet, by file offset: newer bytes win, neighbours written in
 * order share memory. Bounded by its owner, which looks at `bytes` and `count`. It does no input or output.
 */
import { assert } from '@hopbine/common/base/assert.ts'

/** A piece of written bytes; `buffer` may have room behind `length`. */
interface Piece {
  readonly offset: number
  length: number
  readonly buffer: Buffer
}

export interface DirtyPiece {
  readonly offset: number
  readonly bytes: Buffer
}

/** Memory taken for a piece that may go on growing at its end, in bytes. */
const GROWING_BYTES = 64 * 1024

export class DirtyRanges {
  /** Sorted by offset, without overlaps. */
  #pieces: Piece[] = []
  #bytes = 0

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Pieces held. */
  get count(): number {
    return this.#pieces.length
  }

  /** Whether the bytes held are one range of the file. */
  get isContiguous(): boolean {
    const first = this.#pieces[0]
    const last = this.#pieces.at(-1)
    if (first === undefined || last === undefined) return true
    return last.offset + last.length - first.offset === this.#bytes
  }

  /** End of the last piece in the file; 0 when empty. */
  get end(): number {
    const last = this.#pieces.at(-1)
    return last === undefined ? 0 : last.offset + last.length
  }

  /** Copies the bytes in. */
  write(offset: number, bytes: Uint8Array): void {
    let at = offset
    const end = offset + bytes.length
    let index = this.#firstEndingAfter(offset)
    while (at < end) {
      const piece = this.#pieces[index]
      if (piece === undefined || piece.offset >= end) {
        this.#insert(index, at, bytes.subarray(at - offset))
        return
      }
      if (piece.offset > at) {
        index += this.#insert(index, at, bytes.subarray(at - offset, piece.offset - offset))
        at = piece.offset
      }
      const until = Math.min(piece.offset + piece.length, end)
      piece.buffer.set(bytes.subarray(at - offset, until - offset), at - piece.offset)
      at = until
      index += 1
    }
  }

  /** Copies what is held of the file range that `target` stands for over it. */
  readInto(target: Uint8Array, offset: number): void {
    const end = offset + target.length
    for (let index = this.#firstEndingAfter(offset); index < this.#pieces.length; index++) {
      const piece = this.#pieces[index] as Piece
      if (piece.offset >= end) return
      const from = Math.max(piece.offset, offset)
      const to = Math.min(piece.offset + piece.length, end)
      target.set(piece.buffer.subarray(from - piece.offset, to - piece.offset), from - offset)
    }
  }

  /** Whether every byte of the range is held. */
  covers(offset: number, length: number): boolean {
    let at = offset
    for (let index = this.#firstEndingAfter(offset); at < offset + length; index++) {
      const piece = this.#pieces[index]
      if (piece === undefined || piece.offset > at) return false
      at = piece.offset + piece.length
    }
    return true
  }

  /** Forgets what lies at or behind `size`. */
  cut(size: number): void {
    let index = this.#firstEndingAfter(size)
    const piece = this.#pieces[index]
    if (piece !== undefined && piece.offset < size) {
      this.#bytes -= piece.offset + piece.length - size
      piece.length = size - piece.offset
      index += 1
    }
    for (const gone of this.#pieces.splice(index)) this.#bytes -= gone.length
  }

  /** The pieces in order of the file; valid until the next write. */
  *pieces(): Generator<DirtyPiece> {
    for (const { offset, length, buffer } of this.#pieces) yield { offset, bytes: buffer.subarray(0, length) }
  }

  /** Puts bytes where none are held; returns by how many pieces the list grew. */
  #insert(index: number, offset: number, bytes: Uint8Array): number {
    assert(bytes.length > 0, 'a piece without bytes')
    this.#bytes += bytes.length
    const before = this.#pieces[index - 1]
    if (before !== undefined && before.offset + before.length === offset) {
      if (before.buffer.length - before.length >= bytes.length) {
        before.buffer.set(bytes, before.length)
        before.length += bytes.length
        return 0
      }
    }
    this.#pieces.splice(index, 0, newPiece(offset, bytes, before))
    return 1
  }

  #firstEndingAfter(offset: number): number {
    let low = 0
    let high = this.#pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const piece = this.#pieces[middle] as Piece
      if (piece.offset + piece.length > offset) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** A piece that goes on behind another gets room to grow: its writer is writing in order. */
function newPiece(offset: number, bytes: Uint8Array, before: Piece | undefined): Piece {
  const isSequential = before !== undefined && before.offset + before.length === offset
  const room = isSequential ? Math.max(bytes.length, GROWING_BYTES) : bytes.length
  const buffer = Buffer.allocUnsafeSlow(room)
  buffer.set(bytes)
  return { offset, length: bytes.length, buffer }
}
