/** What a log holds, as far as memory knows it: how far it goes, its terms, its configurations, its vote. */
import { type FrameFacts, isLaterVote, LENGTH_BYTES, type StoredVote } from './frame.ts'
import type { StoredConfiguration } from './segment.ts'
import { TermList } from './term-list.ts'

export class LogContents {
  lastIndex = 0
  readonly terms = new TermList()
  /** Ascending: those of the log, and those in force where it begins. */
  configurations: readonly StoredConfiguration[] = []
  /** The last vote; undefined if none ever was. */
  vote: StoredVote | undefined

  /** Begins behind an entry of this term. */
  startBehind(index: number, term: number): void {
    this.lastIndex = index
    this.terms.reset(index, term)
  }

  /** Takes note of a frame with entries behind the last. */
  noteEntries(
    { firstIndex, entries, term, isConfiguration }: Omit<FrameFacts, 'settled'>,
    payload: Buffer,
  ): void {
    this.terms.add(firstIndex, term)
    this.lastIndex = firstIndex + entries - 1
    if (isConfiguration) {
      this.noteConfiguration({ index: firstIndex, bytes: Buffer.from(payload.subarray(LENGTH_BYTES)) })
    }
  }

  /** A change begins when the one before is committed, so no more than the last can be taken back. */
  noteConfiguration(configuration: StoredConfiguration): void {
    if (this.configurations.some(({ index }) => index >= configuration.index)) return
    this.configurations = [...this.configurations.slice(-1), configuration]
  }

  noteVote(vote: StoredVote): void {
    if (this.vote === undefined || isLaterVote(vote, this.vote)) this.vote = vote
  }

  /** Forgets entries from `index` on. */
  truncate(index: number): void {
    this.terms.truncate(index)
    this.configurations = this.configurations.filter(configuration => configuration.index < index)
    this.lastIndex = index - 1
  }
}
