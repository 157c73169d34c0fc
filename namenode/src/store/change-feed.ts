/**
 * The ordered feed of committed changes. Events of the open transaction gather in memory; each transaction
 * writes them as one row. Kept for a set time, then dropped from the oldest on.
 */

import type { ChangeEvent } from '@hopbine/common/protocol/types.ts'
import { pack, unpack } from 'msgpackr'
import type { Db } from './database.ts'

/** One event in the order of `changeEvent`'s fields, without names: a third of the bytes. */
// biome-ignore format: one line a group of fields
type EventArray = [
  number, number, number, number, string, number, number, string, number, string, number, number, string,
]

/** Characters of names in one answer: with three bytes for each, and all fixed parts, it is a message. */
const READ_CHARACTERS_MAX = 768 * 1024

export interface Change {
  readonly what: string
  readonly inodeId: number
  readonly parentId: number
  readonly name: string
  readonly oldParentId?: number
  readonly oldName?: string
  readonly kind: number
  readonly size?: number
}

/** What is kept of the feed; the older part goes when either is exceeded. */
export interface ChangeKeep {
  readonly seconds: number
  readonly bytes: number
}

export class ChangeFeed {
  readonly #insert
  readonly #from
  readonly #oldest
  readonly #deleteOldest
  readonly #keep: ChangeKeep
  /** Bytes of all rows. */
  #bytes: number
  #open: EventArray[] = []
  #part = 0
  #seconds = 0

  constructor(db: Db, keep: ChangeKeep) {
    this.#keep = keep
    this.#insert = db.prepare('INSERT INTO change VALUES (?, ?, ?, ?)')
    this.#from = db
      .prepare<[number, number], Buffer>(
        'SELECT events FROM change WHERE last_index >= ? ORDER BY first_index LIMIT ?',
      )
      .pluck()
    this.#oldest = db.prepare<[], { firstIndex: number; seconds: number; bytes: number }>(
      `SELECT first_index AS firstIndex, seconds, length(events) AS bytes FROM change
       ORDER BY first_index LIMIT 1`,
    )
    this.#deleteOldest = db.prepare('DELETE FROM change WHERE first_index = ?')
    this.#bytes = db.prepare<[], number>('SELECT total(length(events)) FROM change').pluck().get() ?? 0
  }

  /** Adds an event of the entry that is being applied. */
  add(index: number, seconds: number, nanos: number, user: string, change: Change): void {
    const last = this.#open.at(-1)
    this.#part = last !== undefined && last[0] === index ? this.#part + 1 : 0
    this.#seconds = seconds
    this.#open.push([
      index,
      this.#part,
      seconds,
      nanos,
      change.what,
      change.inodeId,
      change.parentId,
      change.name,
      change.oldParentId ?? 0,
      change.oldName ?? '',
      change.kind,
      change.size ?? 0,
      user,
    ])
  }

  /** Writes the events of the transaction; drops the oldest beyond what is to be kept. */
  flush(): void {
    const first = this.#open[0]
    const last = this.#open.at(-1)
    if (first === undefined || last === undefined) return
    const events = pack(this.#open)
    this.#insert.run(first[0], last[0], this.#seconds, events)
    this.#bytes += events.length
    this.#open = []
    this.#trim()
  }

  #trim(): void {
    const since = this.#seconds - this.#keep.seconds
    for (;;) {
      const oldest = this.#oldest.get()
      if (oldest === undefined) return
      if (oldest.seconds >= since && this.#bytes <= this.#keep.bytes) return
      this.#deleteOldest.run(oldest.firstIndex)
      this.#bytes -= oldest.bytes
    }
  }

  /**
   * Events from log index `from` on: about `max`, or fewer where names are long, so that they fit into a
   * message. Events of one entry are never parted. None only when there are none.
   */
  read(from: number, max: number): ChangeEvent[] {
    const events: ChangeEvent[] = []
    let characters = 0
    const take = (batch: EventArray[]): boolean => {
      for (const event of batch) {
        if (event[0] < from) continue
        const isFull = events.length >= max || characters >= READ_CHARACTERS_MAX
        if (isFull && events.at(-1)?.index !== event[0]) return false
        characters += event[7].length + event[9].length + event[12].length
        events.push(toEvent(event))
      }
      return true
    }
    for (const blob of this.#from.iterate(from, max)) {
      if (!take(unpack(blob) as EventArray[])) return events
    }
    take(this.#open)
    return events
  }

  /** Index of the oldest event kept; `next` when there is none. */
  oldest(next: number): number {
    return this.#oldest.get()?.firstIndex ?? this.#open[0]?.[0] ?? next
  }
}

function toEvent(event: EventArray): ChangeEvent {
  return {
    index: event[0],
    part: event[1],
    seconds: event[2],
    nanos: event[3],
    what: event[4],
    inodeId: event[5],
    parentId: event[6],
    name: event[7],
    oldParentId: event[8],
    oldName: event[9],
    kind: event[10],
    size: event[11],
    user: event[12],
  }
}
