/**
 * One member's view of its log: the terms of all entries since the last compaction, the entries that the disk
 * does not hold yet, and how far the log is stored and committed. It never reads the disk: older entries come
 * from an `EntryReader`.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Entry, SnapshotFacts } from './messages.ts'
import { TermRuns } from './term-runs.ts'

/** Gives entries that were stored before. */
export interface EntryReader {
  /**
   * Entries `from` to at most `to`, from the first on without a gap, of about `bytesMax` bytes in all but at
   * least one. Undefined if they are not at hand: the core asks again, at the latest with the next heartbeat.
   */
  read(from: number, to: number, bytesMax: number): readonly Entry[] | undefined
}

/** Where a log stands at start: what was compacted, the terms behind it, and the last entry. */
export interface StoredLog {
  readonly baseIndex: number
  readonly baseTerm: number
  /** First index of each run of entries with one term, ascending, behind the base. */
  readonly runs: readonly { readonly firstIndex: number; readonly term: number }[]
  readonly lastIndex: number
}

/** How far the log was handed out to be stored, at some moment. */
export interface WriteMark {
  readonly index: number
  readonly rewrites: number
}

export class RaftLog {
  readonly #reader: EntryReader
  #terms: TermRuns
  /** Entries above `#saved`, in order. */
  #unsaved: Entry[] = []
  /** Every entry up to here is stored. */
  #saved: number
  /** Every entry up to here was handed out to be stored. */
  #handedOut: number
  #committed: number
  /**
   * Counts how often entries that were handed out were taken back, so that a late report is known as such.
   */
  #rewrites = 0

  constructor(stored: StoredLog, reader: EntryReader, committed: number) {
    this.#reader = reader
    this.#terms = new TermRuns(stored)
    this.#saved = stored.lastIndex
    this.#handedOut = stored.lastIndex
    this.#committed = Math.max(committed, stored.baseIndex)
    assert(this.#committed <= stored.lastIndex, 'nothing is committed beyond the stored log')
  }

  get lastIndex(): number {
    return this.#terms.lastIndex
  }

  get lastTerm(): number {
    return this.#terms.lastTerm
  }

  /** Last entry that was compacted away; its term is still known. */
  get baseIndex(): number {
    return this.#terms.baseIndex
  }

  get savedIndex(): number {
    return this.#saved
  }

  get committed(): number {
    return this.#committed
  }

  /** A committed entry is applied only when this disk has it too, so that the state never leads the log. */
  get appliable(): number {
    return Math.min(this.#committed, this.#saved)
  }

  get hasUnhanded(): boolean {
    return this.#handedOut < this.lastIndex
  }

  /** The term of an entry; undefined where the log has none or has forgotten it. */
  termAt(index: number): number | undefined {
    return this.#terms.at(index)
  }

  /** True if the log holds entry `index` of `term`: then all before it is the same too (paper 5.3). */
  matches(index: number, term: number): boolean {
    return this.#terms.at(index) === term
  }

  /** True if a log that ends so holds all that this one may have committed (paper 5.4.1). */
  isOutdone(lastIndex: number, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex)
  }

  /** The last index up to `index` whose entry is of `term` or an earlier one; see `TermRuns`. */
  lastWithin(index: number, term: number): number {
    return this.#terms.lastWithin(index, term)
  }

  /** Puts an entry behind the last. */
  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, 'entries leave no gap')
    this.#terms.append(entry.index, entry.term)
    this.#unsaved.push(entry)
  }

  /** First of these entries that the log lacks or has of another term; undefined if it has them all. */
  firstNew(entries: readonly Entry[]): Entry | undefined {
    return entries.find(({ index, term }) => index > this.baseIndex && !this.matches(index, term))
  }

  /** Takes away everything from `index` on: a leader has other entries there (paper 5.3). */
  truncate(index: number): void {
    assert(index > this.#committed, `entry ${index} is committed: it stays for ever`)
    this.#terms.truncate(index)
    this.#unsaved = this.#unsaved.filter(entry => entry.index < index)
    if (index <= this.#handedOut) this.#rewrites += 1
    this.#saved = Math.min(this.#saved, index - 1)
    this.#handedOut = Math.min(this.#handedOut, index - 1)
  }

  /**
   * Entries to store that were not handed out before; the first may lie below stored ones, which end there.
   */
  takeUnhanded(): readonly Entry[] {
    if (!this.hasUnhanded) return []
    const from = this.#handedOut - this.#saved
    this.#handedOut = this.lastIndex
    return from === 0 ? [...this.#unsaved] : this.#unsaved.slice(from)
  }

  /** What a report of the next write to the disk will refer to. */
  get handedOut(): WriteMark {
    return { index: this.#handedOut, rewrites: this.#rewrites }
  }

  /**
   * The disk holds everything that was handed out up to the mark. A mark from before a rewrite says nothing:
   * the disk may lose again what it speaks of, and the mark of the rewrite follows.
   */
  markSaved({ index, rewrites }: WriteMark): void {
    if (index <= this.#saved || rewrites !== this.#rewrites) return
    const count = index - this.#saved
    this.#unsaved = count === this.#unsaved.length ? [] : this.#unsaved.slice(count)
    this.#saved = index
  }

  /** Raises the commit index; it never goes back. */
  commitTo(index: number): boolean {
    if (index <= this.#committed) return false
    assert(index <= this.lastIndex, 'only entries that exist are committed')
    this.#committed = index
    return true
  }

  /** Entries from `from` on for one message, or undefined if they are not at hand. */
  read(from: number, bytesMax: number): readonly Entry[] | undefined {
    assert(from > this.baseIndex, 'what was compacted cannot be read')
    if (from > this.lastIndex) return []
    if (from <= this.#saved) return this.#reader.read(from, this.#saved, bytesMax)
    return upToBytes(this.#unsaved, from - this.#saved - 1, bytesMax)
  }

  /** Forgets entries up to `index`, which a snapshot of the state holds. */
  compact(index: number): void {
    assert(index <= this.appliable, 'only applied entries are compacted')
    this.#terms.compact(index)
  }

  /** Starts again behind a snapshot: nothing that the log held is kept. */
  restore({ index, term }: SnapshotFacts): void {
    assert(index > this.#committed, 'a snapshot only leads forward')
    this.#terms = new TermRuns({ baseIndex: index, baseTerm: term, runs: [], lastIndex: index })
    this.#unsaved = []
    this.#rewrites += 1
    this.#saved = index
    this.#handedOut = index
    this.#committed = index
  }
}

/** Entries of about `bytesMax` bytes, from a place on, at least one. */
export function upToBytes(entries: readonly Entry[], start: number, bytesMax: number): readonly Entry[] {
  let bytes = 0
  let end = start
  while (end < entries.length) {
    bytes += (entries[end] as Entry).data.length
    if (bytes > bytesMax && end > start) break
    end += 1
  }
  return entries.slice(start, end)
}
