/**
 * One open block of a file: which ranges of the file were put where in it, which of them its members have,
 * and which are on their disks. It writes and seals; what to do when that fails is its owner's business.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { CAPABILITY_MS } from '@hopbine/common/base/limits.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { BlockSink, WriteOptions } from '../blocks/block-io.ts'
import type { BlockPool } from '../blocks/block-pool.ts'
import { BlockWriter } from '../blocks/block-writer.ts'
import type { ExtentList } from './extents.ts'

/**
 * A block older than this is synced and takes no more bytes, in milliseconds: as long as its capability
 * lives, what its members have and did not sync can still be sealed when one of them fails.
 */
const AGE_MS_MAX = CAPABILITY_MS * 0.75

/** Bytes of a file, outside of any block. */
export interface FileBytes extends WriteOptions {
  readonly offset: number
  readonly bytes: Uint8Array
}

/** A range of the file in the block, not acknowledged yet. */
interface Placed {
  readonly offset: number
  readonly blockOffset: number
  length: number
}

export class OpenBlock {
  readonly block: LocatedBlock
  readonly #sink: BlockSink
  /** In order of the block; the first one starts at what is acknowledged. */
  readonly #placed: Placed[] = []
  readonly #openedAtMs = performance.now()
  readonly #ageing: NodeJS.Timeout
  #syncedLength = 0

  private constructor(block: LocatedBlock, sink: BlockSink) {
    this.block = block
    this.#sink = sink
    this.#ageing = setTimeout(() => void this.#syncAged(), AGE_MS_MAX).unref()
  }

  /** Begins a new block. Throws what `BlockWriter.open` throws. */
  static async open(pool: BlockPool, block: LocatedBlock, signal: AbortSignal): Promise<OpenBlock> {
    return new OpenBlock(block, await BlockWriter.open(pool, block, { signal }))
  }

  /** Bytes put in. */
  get length(): number {
    return this.#sink.length
  }

  /** Bytes that every member has. */
  get acknowledged(): number {
    return this.#sink.acknowledged
  }

  /** Members have bytes that may not be on their disks. */
  get isUnsynced(): boolean {
    return this.#sink.acknowledged > this.#syncedLength
  }

  get isAged(): boolean {
    return performance.now() - this.#openedAtMs >= AGE_MS_MAX
  }

  /**
   * Puts bytes at the block's end. Answers how many were taken, all of them unless it failed, and the
   * failure.
   */
  async write(range: FileBytes): Promise<{ taken: number; failure: Error | undefined }> {
    const { offset, bytes } = range
    const start = this.#sink.length
    const failure = await operatingError(this.#sink.write(bytes, range))
    const taken = this.#sink.length - start
    if (taken > 0) this.#place({ offset, blockOffset: start, length: taken })
    return { taken, failure }
  }

  /** Every member has what was put in. */
  async flush(): Promise<void> {
    await this.#sink.flush()
  }

  /** What was put in is on every member's disk. */
  async sync(): Promise<void> {
    const { length } = this.#sink
    if (length === this.#syncedLength) return
    await this.#sink.sync()
    this.#syncedLength = Math.max(this.#syncedLength, length)
  }

  /** Syncs, and nothing is put in any more. */
  async seal(): Promise<void> {
    const length = await this.#sink.seal()
    this.#syncedLength = length
    clearTimeout(this.#ageing)
  }

  async close(): Promise<void> {
    clearTimeout(this.#ageing)
    await this.#sink.close()
  }

  /** Lists what was acknowledged since the last call; true if that was anything. */
  listAcknowledged(extents: ExtentList): boolean {
    const until = this.#sink.acknowledged
    let isProgress = false
    for (let first = this.#placed[0]; first !== undefined; first = this.#placed[0]) {
      const length = Math.min(first.length, until - first.blockOffset)
      if (length <= 0) break
      const { offset, blockOffset } = first
      extents.add({ offset, length, blockId: this.block.blockId, blockOffset })
      this.#skip(length)
      isProgress = true
    }
    return isProgress
  }

  /** After a failure, once: what was put in and never acknowledged. */
  takeLost(): FileBytes[] {
    const lost: FileBytes[] = []
    for (const bytes of this.#sink.unacknowledged()) {
      for (let at = 0; at < bytes.length; ) {
        const range = this.#placed[0]
        assert(range !== undefined, 'unacknowledged bytes of no range')
        const part = bytes.subarray(at, at + range.length)
        lost.push({ offset: range.offset, bytes: part })
        this.#skip(part.length)
        at += part.length
      }
    }
    assert(this.#placed.length === 0, 'a range is neither acknowledged nor unacknowledged')
    return lost
  }

  /** Many small writes in order are one range. */
  #place(range: Placed): void {
    const last = this.#placed.at(-1)
    if (last !== undefined && last.offset + last.length === range.offset) last.length += range.length
    else this.#placed.push(range)
  }

  /** Takes `length` bytes off the first range. */
  #skip(length: number): void {
    const first = this.#placed[0] as Placed
    if (length === first.length) this.#placed.shift()
    else {
      const { offset, blockOffset } = first
      this.#placed[0] = {
        offset: offset + length,
        blockOffset: blockOffset + length,
        length: first.length - length,
      }
    }
  }

  /** A failure ends the sink, so the next call meets it. */
  async #syncAged(): Promise<void> {
    await operatingError(this.sync())
  }
}

/** The operating error that work ended with, if it did; a defect goes on up. */
export async function operatingError(work: Promise<unknown>): Promise<Error | undefined> {
  try {
    await work
    return undefined
  } catch (error) {
    if (isFsError(error)) return error
    throw error
  }
}
