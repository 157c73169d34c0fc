/**
 * A proposal that lies encoded in its batch. A view of the bytes is made only when somebody asks: a leader
 * without peers never does, and a view costs more than the rest of the entry.
 */
import type { Writer } from '@hopbine/common/wire/writer.ts'
import type { Configuration } from '../raft/configuration.ts'
import type { Entry, EntryKind } from '../raft/messages.ts'

/** One frame of the log in the making. */
export interface Batch {
  readonly writer: Writer
  readonly firstIndex: number
  readonly term: number
  entries: number
}

export class ProposedEntry implements Entry {
  readonly index: number
  readonly term: number
  readonly batch: Batch
  readonly #start: number
  /** Length of the bytes. */
  readonly length: number

  constructor(index: number, term: number, batch: Batch, start: number) {
    this.index = index
    this.term = term
    this.batch = batch
    this.#start = start
    this.length = batch.writer.position - start
  }

  get kind(): EntryKind {
    return 'command'
  }

  get configuration(): Configuration | undefined {
    return undefined
  }

  /** Valid until the entry is stored: then the batch's memory is used again. */
  get data(): Buffer {
    return this.batch.writer.viewRange(this.#start, this.#start + this.length)
  }
}
