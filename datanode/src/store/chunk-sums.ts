/** Checksums of the whole chunks of one block in memory, which grow with it. No disk. */
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import { chunkStart } from '@hopbine/common/wire/chunk-crc.ts'
import type { ChunkRange } from './slot-writer.ts'

/** Bytes to append, with the checksum of each chunk they touch from that chunk's start on. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly offset: number
  readonly crcs: readonly number[]
}

export class ChunkSums {
  /** Room for more. */
  #crcs: Uint32Array

  constructor(crcs: Uint32Array) {
    this.#crcs = crcs
  }

  /** Of the whole chunk that starts at an offset of the block. */
  at(chunkOffset: number): number | undefined {
    return this.#crcs[chunkOffset / CHECKSUM_CHUNK_BYTES]
  }

  /** Those of the chunks that are whole in a block of `to` bytes, and not in one of `from` bytes. */
  between(from: number, to: number): ChunkRange {
    const [first, end] = [from, to].map(length => Math.floor(length / CHECKSUM_CHUNK_BYTES))
    return { crcs: this.#crcs, first: first as number, end: end as number }
  }

  /** Keeps those of a piece; answers the one of the partial chunk that it ends in. */
  keep(piece: Piece): number {
    const end = piece.offset + piece.bytes.length
    const first = Math.floor(piece.offset / CHECKSUM_CHUNK_BYTES)
    const whole = Math.floor(end / CHECKSUM_CHUNK_BYTES)
    if (whole > this.#crcs.length) {
      const larger = new Uint32Array(Math.max(whole, this.#crcs.length * 2))
      larger.set(this.#crcs)
      this.#crcs = larger
    }
    for (let index = first; index < whole; index++) this.#crcs[index] = piece.crcs[index - first] as number
    return chunkStart(end) === end ? 0 : (piece.crcs[whole - first] as number)
  }
}
