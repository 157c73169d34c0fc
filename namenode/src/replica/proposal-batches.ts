/**
 * Proposals as they will lie on the disk: encoded once, straight into the frame that the log writes. A batch
 * holds entries without a gap; its memory is used again when they are stored.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import type { Entry } from '../raft/messages.ts'

/** One batch takes at most so many entries and about so many bytes; what comes then begins the next. */
const BATCH_ENTRIES_MAX = 4096
const BATCH_BYTES_MAX = 4 * 1024 * 1024
const LENGTH_BYTES = 4

interface Batch {
  readonly writer: Writer
  readonly firstIndex: number
  entries: number
}

/** For `SegmentedLog.append`: the header's room, then each entry behind its length. */
export interface Frame {
  readonly bytes: Buffer
  readonly entries: number
  readonly term: number
}

export class ProposalBatches {
  /** Batches that were not taken yet, in the order of their entries. */
  readonly #open: Batch[] = []
  /** Batches that are being stored. */
  #taken: Batch[] = []
  readonly #spares: Writer[] = []
  #start = 0
  pendingBytes = 0

  /**
   * Encodes a proposal for `index`; `end` or `cancel` follows. What `encode` throws leaves nothing behind.
   */
  begin(index: number, encode: (writer: Writer) => void): Buffer {
    const { writer } = this.#batchFor(index)
    this.#start = writer.position
    writer.u32(0)
    try {
      encode(writer)
    } catch (error) {
      this.cancel()
      throw error
    }
    return writer.viewFrom(this.#start + LENGTH_BYTES)
  }

  end(): void {
    const batch = this.#open.at(-1)
    assert(batch !== undefined, 'a proposal was begun')
    const bytes = batch.writer.position - this.#start
    batch.writer.patchU32(this.#start, bytes - LENGTH_BYTES)
    batch.entries += 1
    this.pendingBytes += bytes
  }

  cancel(): void {
    const batch = this.#open.at(-1)
    assert(batch !== undefined, 'a proposal was begun')
    batch.writer.rewind(this.#start)
    if (batch.entries === 0) this.#open.pop()
  }

  /** The frames of entries that a core hands out: those of batches, and its own between them. */
  take(entries: readonly Entry[]): Frame[] {
    const frames: Frame[] = []
    for (let at = 0; at < entries.length; ) {
      const { index, term, kind } = entries[at] as Entry
      const batch = this.#open[0]
      if (batch?.firstIndex === index) {
        this.#open.shift()
        this.#taken.push(batch)
        frames.push({ bytes: batch.writer.view(), entries: batch.entries, term })
        at += batch.entries
      } else {
        assert(kind === 'noop', 'a group of one has no other entries of its own')
        frames.push({ bytes: Buffer.alloc(FRAME_HEADER_BYTES + LENGTH_BYTES), entries: 1, term })
        at += 1
      }
    }
    return frames
  }

  /** Everything up to this entry is stored. */
  release(index: number): void {
    const stored = this.#taken.filter(({ firstIndex, entries }) => firstIndex + entries - 1 <= index)
    if (stored.length < this.#taken.length) this.#taken = this.#taken.filter(batch => !stored.includes(batch))
    else this.#taken = []
    for (const { writer } of stored) {
      this.pendingBytes -= writer.position - FRAME_HEADER_BYTES
      this.#spares.push(writer)
    }
  }

  /** Forgets what is not stored. */
  drop(): void {
    this.#open.length = 0
    this.#taken = []
    this.pendingBytes = 0
  }

  #batchFor(index: number): Batch {
    const last = this.#open.at(-1)
    const follows = last !== undefined && last.firstIndex + last.entries === index
    const hasRoom = (last?.entries ?? 0) < BATCH_ENTRIES_MAX && (last?.writer.position ?? 0) < BATCH_BYTES_MAX
    if (follows && hasRoom) return last
    const writer = this.#spares.pop() ?? new Writer(64 * 1024)
    writer.reset()
    for (let i = 0; i < FRAME_HEADER_BYTES / 8; i++) writer.f64(0)
    const batch = { writer, firstIndex: index, entries: 0 }
    this.#open.push(batch)
    return batch
  }
}
