/**
 * Written bytes of one file on their way from memory into blocks: what gathers, and what is being put into
 * a block meanwhile. Newer bytes win. It says when there is enough to put and when there is too much; its
 * owner does the work. It does no input or output by itself.
 */
import type { BufferPool } from '@hopbine/common/wire/buffer-pool.ts'
import { type DirtyPiece, DirtyRanges } from './dirty-ranges.ts'

/** Bytes gathered before they go to the block; as many again may be on their way. */
const DIRTY_BYTES_MAX = 32 * 1024 * 1024
/** Memory that they may lie in. */
const DIRTY_MEMORY_BYTES_MAX = 2 * DIRTY_BYTES_MAX
/** Bytes of one range, which gathering longer would not make better: they go as soon as those before have. */
const DIRTY_RANGE_BYTES_MIN = 1024 * 1024
/** Bytes of one range that are gathered before a write waits for those before. */
const DIRTY_RANGE_BYTES_MAX = 8 * 1024 * 1024
/** Pieces gathered before they go to the block. */
const DIRTY_COUNT_MAX = 16_384

export class GatheredWrites {
  readonly #pool: BufferPool
  #dirty: DirtyRanges
  /** Taken out of `#dirty` and on the way to the block; not changed any more. */
  #flushing: DirtyRanges | undefined

  constructor(pool: BufferPool) {
    this.#pool = pool
    this.#dirty = new DirtyRanges(pool)
  }

  /** Memory that the bytes held lie in, in bytes. */
  get memoryBytes(): number {
    return this.#dirty.memoryBytes + (this.#flushing?.memoryBytes ?? 0)
  }

  get isEmpty(): boolean {
    return this.#flushing === undefined && this.#dirty.count === 0
  }

  /** A gathering is on its way, or waits to be put again after a failure. */
  get isFlushing(): boolean {
    return this.#flushing !== undefined
  }

  /** 'due': the next gathering may go; 'full': nothing more may be gathered before one has gone. */
  get fullness(): 'room' | 'due' | 'full' {
    const { bytes, count, memoryBytes } = this.#dirty
    if (bytes >= DIRTY_BYTES_MAX || count >= DIRTY_COUNT_MAX) return 'full'
    if (memoryBytes >= DIRTY_MEMORY_BYTES_MAX) return 'full'
    if (bytes < DIRTY_RANGE_BYTES_MIN || !this.#dirty.isContiguous) return 'room'
    return bytes >= DIRTY_RANGE_BYTES_MAX ? 'full' : 'due'
  }

  /** Copies the bytes in. */
  write(offset: number, bytes: Uint8Array): void {
    this.#dirty.write(offset, bytes)
  }

  /** Forgets what lies at or behind `size` and is not on its way. */
  cut(size: number): void {
    this.#dirty.cut(size)
  }

  /**
   * Puts one gathering by means of `put`, which resolves when its bytes are safe. After a failure the next
   * call begins with the same one.
   */
  async flush(put: (pieces: Iterable<DirtyPiece>) => Promise<void>): Promise<void> {
    if (this.#flushing === undefined) {
      this.#flushing = this.#dirty
      this.#dirty = new DirtyRanges(this.#pool)
    }
    const flushing = this.#flushing
    await put(flushing.pieces())
    this.#flushing = undefined
    flushing.letGo()
  }

  /** Fills `target`, which stands for the file from `position` on, if every byte of it is gathered. */
  readNow(target: Buffer, position: number): boolean {
    if (!this.#dirty.covers(position, target.length)) return false
    this.#dirty.readInto(target, position)
    return true
  }

  /** Fills `target` by `readBlocks`, and puts what was written over it. */
  async readOver(target: Buffer, position: number, readBlocks: () => Promise<void>): Promise<void> {
    // Held fast here, since what is on its way now may have arrived before the blocks are read.
    const layers = [this.#flushing, this.#dirty]
    for (const layer of layers) layer?.hold()
    try {
      await readBlocks()
      for (const layer of [...layers, this.#flushing, this.#dirty]) layer?.readInto(target, position)
    } finally {
      for (const layer of layers) layer?.letGo()
    }
  }
}
