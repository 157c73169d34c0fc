/**
 * Proposals as they will lie on the disk: encoded once, straight into the frame that the log writes. A batch
 * holds entries without a gap; its memory is used again when they are stored.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import type { Entry } from '../raft/messages.ts'
import { type Batch, ProposedEntry } from './proposed-entry.ts'

/** One batch takes at most so many entries and about so many bytes; what comes then begins the next. */
const BATCH_ENTRIES_MAX = 4096
const BATCH_BYTES_MAX = 4 * 1024 * 1024
const LENGTH_BYTES = 4

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
  pendingBytes = 0

  /** Encodes a proposal; what `encode` throws leaves nothing behind. */
  add(index: number, term: number, encode: (writer: Writer) => void): ProposedEntry {
    const batch = this.#batchFor(index, term)
    const { writer } = batch
    const start = writer.position
    writer.u32(0)
    try {
      encode(writer)
    } catch (error) {
      this.#rewind(batch, start)
      throw error
    }
    const entry = new ProposedEntry(index, term, batch, start + LENGTH_BYTES)
    writer.patchU32(start, entry.length)
    batch.entries += 1
    this.pendingBytes += LENGTH_BYTES + entry.length
    return entry
  }

  /** Takes back the proposal that was added last. */
  remove({ batch, length }: ProposedEntry): void {
    batch.entries -= 1
    this.pendingBytes -= LENGTH_BYTES + length
    this.#rewind(batch, batch.writer.position - length - LENGTH_BYTES)
  }

  #rewind(batch: Batch, position: number): void {
    batch.writer.rewind(position)
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

  #batchFor(index: number, term: number): Batch {
    const last = this.#open.at(-1)
    const follows = last?.term === term && last.firstIndex + last.entries === index
    const hasRoom = (last?.entries ?? 0) < BATCH_ENTRIES_MAX && (last?.writer.position ?? 0) < BATCH_BYTES_MAX
    if (follows && hasRoom) return last
    const writer = this.#spares.pop() ?? new Writer(64 * 1024)
    writer.reset()
    for (let i = 0; i < FRAME_HEADER_BYTES / 8; i++) writer.f64(0)
    const batch = { writer, firstIndex: index, term, entries: 0 }
    this.#open.push(batch)
    return batch
  }
}
