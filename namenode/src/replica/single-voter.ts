/**
 * Consensus of one: an entry is committed when the local log has it on disk. Group commit without timers:
 * while one fsync is in flight the next batch gathers. A failed fsync is never tried again, since the kernel
 * may have dropped the pages.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { fromNodeError, isFsError } from '@hopbine/common/base/errors.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES } from '../log/frame.ts'
import type { SegmentedLog } from '../log/segmented-log.ts'
import type { Consensus, ConsensusEvents } from './consensus.ts'

/** One batch takes at most so many entries and about so many bytes; what comes then waits for the next. */
const BATCH_ENTRIES_MAX = 4096
const BATCH_BYTES_MAX = 4 * 1024 * 1024

interface Batch {
  readonly writer: Writer
  readonly firstIndex: number
  entries: number
}

export class SingleVoter implements Consensus {
  readonly term: number
  readonly #log: SegmentedLog
  readonly #events: ConsensusEvents
  readonly #batches: Batch[] = []
  /** Batches whose memory can be used again. */
  readonly #spares: Writer[] = []
  #nextIndex: number
  #committed: number
  #pendingBytes = 0
  #busy = false
  #planned = false

  constructor(log: SegmentedLog, term: number, events: ConsensusEvents) {
    this.#log = log
    this.term = term
    this.#events = events
    this.#nextIndex = log.lastIndex + 1
    this.#committed = log.lastIndex
  }

  get pending(): number {
    return this.#nextIndex - 1 - this.#committed
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  propose(encode: (writer: Writer) => void): number {
    const batch = this.#openBatch()
    const { writer } = batch
    const start = writer.position
    writer.u32(0)
    try {
      encode(writer)
    } catch (error) {
      writer.rewind(start)
      if (batch.entries === 0) this.#batches.pop()
      throw error
    }
    writer.patchU32(start, writer.position - start - 4)
    batch.entries += 1
    this.#pendingBytes += writer.position - start
    this.#plan()
    return this.#nextIndex++
  }

  /** Resolves when nothing is in flight any more. */
  async idle(): Promise<void> {
    while (this.#busy || this.#batches.length > 0) await new Promise(resolve => setImmediate(resolve))
  }

  #openBatch(): Batch {
    const last = this.#batches.at(-1)
    if (last !== undefined && last.entries < BATCH_ENTRIES_MAX && last.writer.position < BATCH_BYTES_MAX) {
      return last
    }
    const writer = this.#spares.pop() ?? new Writer(64 * 1024)
    writer.reset()
    for (let i = 0; i < FRAME_HEADER_BYTES / 8; i++) writer.f64(0)
    const batch = { writer, firstIndex: this.#nextIndex, entries: 0 }
    this.#batches.push(batch)
    return batch
  }

  /** The batch leaves at the end of this event-loop turn, with everything that the turn proposed. */
  #plan(): void {
    if (this.#busy || this.#planned) return
    this.#planned = true
    setImmediate(() => {
      this.#planned = false
      this.#send()
    })
  }

  #send(): void {
    const batch = this.#batches[0]
    if (batch === undefined || this.#busy) return
    this.#busy = true
    const frame = batch.writer.view()
    if (this.#log.fits(frame.length - FRAME_HEADER_BYTES)) return this.#append(batch, frame)
    this.#log.roll().then(
      () => this.#append(batch, frame),
      (error: Error) => this.#refuse(error),
    )
  }

  #append(batch: Batch, frame: Buffer): void {
    assert(batch.firstIndex === this.#log.lastIndex + 1, 'the log and the proposals agree')
    this.#batches.shift()
    try {
      this.#log.append(frame, batch.entries, this.term)
    } catch (error) {
      return this.#events.onFailed(error as Error)
    }
    this.#log.sync(error => {
      if (error !== null) return this.#events.onFailed(error)
      this.#pendingBytes -= frame.length - FRAME_HEADER_BYTES
      this.#spares.push(batch.writer)
      this.#busy = false
      this.#committed = batch.firstIndex + batch.entries - 1
      this.#events.onCommitted(this.#committed)
      // Not before the end of this turn: what the applied batch made room for comes along, and a third of the
      // fsyncs of a mixed load is saved.
      if (this.#batches.length > 0) this.#plan()
    })
  }

  /** No room for a new segment: nothing of these batches was written, so all of them are refused. */
  #refuse(error: Error): void {
    const known = isFsError(error) ? error : fromNodeError(error, 'grow the log')
    if (!isFsError(known)) return this.#events.onFailed(error)
    const first = this.#batches[0]?.firstIndex ?? this.#nextIndex
    this.#batches.length = 0
    this.#pendingBytes = 0
    this.#nextIndex = first
    this.#busy = false
    this.#events.onRefused(first, known)
  }
}
