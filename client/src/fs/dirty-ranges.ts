/**
 * Written bytes of one file that no block holds yet, by file offset: newer bytes win, neighbours written in
 * order share memory. Bounded by its owner, which looks at `bytes` and `count`. It does no input or output.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { PACKET_BYTES_MAX } from '@hopbine/common/protocol/block.ts'
import { type BufferPool, SharedBuffer } from '@hopbine/common/wire/buffer-pool.ts'

/** A piece of written bytes; `buffer` may have room behind `length`. */
interface Piece {
  readonly offset: number
  length: number
  readonly buffer: Buffer
  /** Bytes that were written in order before it. */
  readonly runBytes: number
  /** Where `buffer` lies, if that is memory of the pool. */
  readonly shared: SharedBuffer | undefined
}

export interface DirtyPiece {
  readonly offset: number
  readonly bytes: Buffer
  /** Held by the ranges; who needs the bytes for longer holds it, too. Undefined: the bytes are no pool's. */
  readonly shared: SharedBuffer | undefined
}

/** Memory taken for a piece that may go on growing at its end, in bytes. */
const GROWING_BYTES = 64 * 1024
/** Behind so many bytes that were written in order a piece gets a megabyte. */
const LARGE_FROM_BYTES = 256 * 1024

export class DirtyRanges {
  readonly #pool: BufferPool
  /** Sorted by offset, without overlaps. */
  #pieces: Piece[] = []
  #bytes = 0
  #memoryBytes = 0
  #holders = 1

  constructor(pool: BufferPool) {
    this.#pool = pool
  }

  /** Bytes held. */
  get bytes(): number {
    return this.#bytes
  }

  /** Memory that they lie in, in bytes. */
  get memoryBytes(): number {
    return this.#memoryBytes
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
    for (const gone of this.#pieces.splice(index)) this.#drop(gone)
  }

  /** Somebody else reads from it, too. */
  hold(): void {
    this.#holders += 1
  }

  /** A reader, or whoever made it, needs it no longer; the last one's word frees its memory. */
  letGo(): void {
    this.#holders -= 1
    assert(this.#holders >= 0, 'ranges are let go of more often than held')
    if (this.#holders > 0) return
    for (const piece of this.#pieces.splice(0)) this.#drop(piece)
  }

  /** The pieces in order of the file; valid until the next write. */
  *pieces(): Generator<DirtyPiece> {
    for (const { offset, length, buffer, shared } of this.#pieces) {
      yield { offset, bytes: buffer.subarray(0, length), shared }
    }
  }

  #drop({ length, buffer, shared }: Piece): void {
    this.#bytes -= length
    this.#memoryBytes -= (shared?.memory ?? buffer).length
    shared?.letGo()
  }

  /** Puts bytes where none are held; returns by how many pieces the list grew. */
  #insert(index: number, offset: number, bytes: Uint8Array): number {
    assert(bytes.length > 0, 'a piece without bytes')
    this.#bytes += bytes.length
    let before = this.#pieces[index - 1]
    let at = 0
    let added = 0
    if (before !== undefined && before.offset + before.length === offset) at = fill(before, bytes)
    else before = undefined
    while (at < bytes.length) {
      const piece = this.#newPiece(offset + at, bytes.length - at, before)
      at += fill(piece, bytes.subarray(at))
      this.#pieces.splice(index + added, 0, piece)
      before = piece
      added += 1
    }
    return added
  }

  /**
   * An empty piece. One that goes on behind another gets room to grow: its writer is writing in order. Large
   * ones end where megabytes of the file end, so that a packet can take their memory over as it is.
   */
  #newPiece(offset: number, bytes: number, before: Piece | undefined): Piece {
    const largest = PACKET_BYTES_MAX - (offset % PACKET_BYTES_MAX)
    const runBytes = before === undefined ? 0 : before.runBytes + before.length
    const isLarge = bytes > GROWING_BYTES || runBytes >= LARGE_FROM_BYTES
    const wanted = before === undefined ? bytes : isLarge ? largest : GROWING_BYTES
    const room = Math.min(wanted, largest)
    const isOfPool = before !== undefined || room > PACKET_BYTES_MAX / 2
    const shared = isOfPool ? new SharedBuffer(this.#pool, room) : undefined
    const buffer = shared?.memory.subarray(0, room) ?? Buffer.allocUnsafeSlow(room)
    this.#memoryBytes += (shared?.memory ?? buffer).length
    return { offset, length: 0, buffer, runBytes, shared }
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

/** Copies as much of the bytes behind a piece as it has room for; answers how much that was. */
function fill(piece: Piece, bytes: Uint8Array): number {
  const taken = Math.min(piece.buffer.length - piece.length, bytes.length)
  piece.buffer.set(bytes.subarray(0, taken), piece.length)
  piece.length += taken
  return taken
}
