/**
 * Bytes of large test files as a function of their place and of how often that place was written, so that any
 * process can make and check any part. Each piece of 4 KiB carries its number and its version; the rest does
 * not compress.
 */
import { SeededRandom } from './random.ts'

export const PIECE_BYTES = 4096
export const CHUNK_BYTES = 1024 * 1024
const PIECES_PER_CHUNK = CHUNK_BYTES / PIECE_BYTES
const SEED = 11
const MARK_BYTES = 16

export class FileContent {
  /** What all chunks have in common. */
  readonly #common = Buffer.alloc(CHUNK_BYTES)
  /** Versions of pieces that were written again; all others have version 0. */
  readonly #versions = new Map<number, number>()

  constructor() {
    const random = new SeededRandom(SEED)
    for (let at = 0; at < CHUNK_BYTES; at += 4) this.#common.writeUInt32LE(random.word(), at)
  }

  /** The chunk with this number, as it should be now; a new buffer. */
  chunk(number: number): Buffer {
    const chunk = Buffer.from(this.#common)
    for (let piece = 0; piece < PIECES_PER_CHUNK; piece++) {
      this.#mark(chunk, piece * PIECE_BYTES, number * PIECES_PER_CHUNK + piece)
    }
    return chunk
  }

  /** A new version of one piece, to be written at `number * PIECE_BYTES`. */
  rewrite(number: number): Buffer {
    this.#versions.set(number, (this.#versions.get(number) ?? 0) + 1)
    const at = (number % PIECES_PER_CHUNK) * PIECE_BYTES
    const piece = Buffer.from(this.#common.subarray(at, at + PIECE_BYTES))
    this.#mark(piece, 0, number)
    return piece
  }

  #mark(target: Buffer, at: number, piece: number): void {
    target.writeDoubleLE(piece, at)
    target.writeDoubleLE(this.#versions.get(piece) ?? 0, at + MARK_BYTES / 2)
  }
}
