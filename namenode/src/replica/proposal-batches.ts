/**
 * Proposals as they will lie on the disk: encoded once, straight into the frame that the log writes. A batch
 * holds entries without a gap; its memory is used again when they are stored.
 */
import { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import type { Entry } from '../raft/messages.ts'
import { type Batch, ProposedEntry } from './proposed-entry.ts'
import { type EntryFrame, frameOf } from './stored-entries.ts'

/** One batch takes at most so many entries and about so many bytes; what comes then begins the next. */
const BATCH_ENTRIES_MAX = 4096
const BATCH_BYTES_MAX = 4 * 1024 * 1024
const LENGTH_BYTES = 4

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

  /**
   * The frames of all entries that a core hands out: whole batches as they lie there, copies of all else.
   * What is left of the batches then was taken back before it was handed out, and is forgotten.
   */
  take(entries: readonly Entry[]): EntryFrame[] {
    const frames: EntryFrame[] = []
    for (let at = 0; at < entries.length; ) {
      const first = entries[at] as Entry
      const batch = this.#wholeBatch(entries, at)
      if (batch !== undefined) {
        const { writer, term } = batch
        this.#taken.push(batch)
        frames.push({ bytes: writer.view(), entries: batch.entries, term, isConfiguration: false })
        at += batch.entries
      } else {
        const end = this.#endOfRun(entries, at)
        frames.push(frameOf([first, ...entries.slice(at + 1, end)]))
        at = end
      }
    }
    for (const { writer } of this.#open.splice(0)) this.pendingBytes -= writer.position - FRAME_HEADER_BYTES
    return frames
  }

  /** The batch that begins with an entry, if all its entries are there. */
  #wholeBatch(entries: readonly Entry[], at: number): Batch | undefined {
    const first = entries[at]
    if (!(first instanceof ProposedEntry) || this.#open[0] !== first.batch) return undefined
    const last = entries[at + first.batch.entries - 1]
    if (first.index !== first.batch.firstIndex) return undefined
    if (!(last instanceof ProposedEntry) || last.batch !== first.batch) return undefined
    return this.#open.shift()
  }

  /** Place behind the entries that share a frame with the first. */
  #endOfRun(entries: readonly Entry[], at: number): number {
    const { term, kind } = entries[at] as Entry
    let bytes = 0
    let end = at
    for (const entry of entries.slice(at, at + BATCH_ENTRIES_MAX)) {
      const isAlone = entry.kind === 'configuration' || kind === 'configuration'
      bytes += entry.data.length
      if (end > at && (isAlone || entry.term !== term || bytes > BATCH_BYTES_MAX)) break
      if (end > at && entry instanceof ProposedEntry && entry.batch === this.#open[0]) break
      end += 1
    }
    return end
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
