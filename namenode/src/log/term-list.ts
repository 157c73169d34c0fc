/** The terms of a log's entries, as the first index of each; terms change with elections only. */
import { assert } from '@hopbine/common/base/assert.ts'

export interface TermStart {
  readonly firstIndex: number
  readonly term: number
}

export class TermList {
  #base: TermStart = { firstIndex: 0, term: 0 }
  #starts: TermStart[] = []

  /** Begins anew behind an entry of this term. */
  reset(baseIndex: number, baseTerm: number): void {
    this.#base = { firstIndex: baseIndex, term: baseTerm }
    this.#starts = []
  }

  /** Last entry before the log; its term is known. */
  get base(): TermStart {
    return this.#base
  }

  /** First index of each term behind the base, ascending. */
  get starts(): readonly TermStart[] {
    return this.#starts
  }

  get last(): number {
    return this.#starts.at(-1)?.term ?? this.#base.term
  }

  /** Term of an entry of the log; the log ends behind it. */
  at(index: number): number | undefined {
    if (index <= this.#base.firstIndex) return index === this.#base.firstIndex ? this.#base.term : undefined
    return this.#starts.findLast(({ firstIndex }) => firstIndex <= index)?.term
  }

  add(firstIndex: number, term: number): void {
    assert(term >= this.last, 'terms never go back')
    if (term > this.last || this.#starts.length === 0) this.#starts.push({ firstIndex, term })
  }

  truncate(index: number): void {
    while ((this.#starts.at(-1)?.firstIndex ?? 0) >= index) this.#starts.pop()
  }

  /** Forgets all up to `index`, whose own term stays known. */
  compact(index: number, lastIndex: number): void {
    const position = this.#starts.findLastIndex(({ firstIndex }) => firstIndex <= index)
    const term = this.#starts[position]?.term ?? this.#base.term
    const behind = this.#starts.findLast(({ firstIndex }) => firstIndex <= index + 1)
    const later = this.#starts.filter(({ firstIndex }) => firstIndex > index + 1)
    this.#base = { firstIndex: index, term }
    const hasNext = behind !== undefined && index < lastIndex
    this.#starts = hasNext ? [{ firstIndex: index + 1, term: behind.term }, ...later] : later
  }
}
