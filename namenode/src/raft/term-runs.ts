/**
 * The terms of all entries of a log, as runs: terms change with elections only, so a log of millions of
 * entries has a handful.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { StoredLog } from './raft-log.ts'

interface Run {
  readonly firstIndex: number
  readonly term: number
}

export class TermRuns {
  #baseIndex: number
  #baseTerm: number
  readonly #runs: Run[]
  #lastIndex: number

  constructor({ baseIndex, baseTerm, runs, lastIndex }: StoredLog) {
    this.#baseIndex = baseIndex
    this.#baseTerm = baseTerm
    this.#runs = [...runs]
    this.#lastIndex = lastIndex
    const [first] = runs
    assert(lastIndex >= baseIndex, 'a log ends behind its base')
    assert((first?.firstIndex ?? baseIndex + 1) === baseIndex + 1, 'the first run follows the base')
  }

  get baseIndex(): number {
    return this.#baseIndex
  }

  get lastIndex(): number {
    return this.#lastIndex
  }

  get lastTerm(): number {
    return this.#runs.at(-1)?.term ?? this.#baseTerm
  }

  at(index: number): number | undefined {
    if (index < this.#baseIndex || index > this.#lastIndex) return undefined
    return this.#runs[this.#positionOf(index)]?.term ?? this.#baseTerm
  }

  append(index: number, term: number): void {
    assert(index === this.#lastIndex + 1, 'entries leave no gap')
    assert(term >= this.lastTerm, 'terms never go back')
    if (term > this.lastTerm || this.#runs.length === 0) this.#runs.push({ firstIndex: index, term })
    this.#lastIndex = index
  }

  truncate(index: number): void {
    assert(index > this.#baseIndex && index <= this.#lastIndex, 'only entries of the log are taken away')
    while ((this.#runs.at(-1)?.firstIndex ?? 0) >= index) this.#runs.pop()
    this.#lastIndex = index - 1
  }

  /** Forgets all before `index`, whose own term stays known. */
  compact(index: number): void {
    if (index <= this.#baseIndex) return
    const term = this.at(index)
    assert(term !== undefined, 'the log is compacted up to an entry that it has')
    const behind = index === this.#lastIndex ? [] : this.#runs.slice(this.#positionOf(index + 1))
    const [first, ...others] = behind
    this.#runs.length = 0
    if (first !== undefined) this.#runs.push({ firstIndex: index + 1, term: first.term }, ...others)
    this.#baseIndex = index
    this.#baseTerm = term
  }

  /**
   * The last index up to `index` whose term is at most `term`, or the base. Two logs that disagree at `index`
   * can agree no later than there: one refusal passes a whole term over (paper 5.3, end).
   */
  lastWithin(index: number, term: number): number {
    let last = Math.min(index, this.#lastIndex)
    while (last > this.#baseIndex) {
      const run = this.#runs[this.#positionOf(last)] as Run
      if (run.term <= term) return last
      last = run.firstIndex - 1
    }
    return Math.min(last, index)
  }

  /**
   * Place of the run that holds `index`, -1 for the base. Walks from the end, where almost all questions aim.
   */
  #positionOf(index: number): number {
    if (index === this.#baseIndex) return -1
    let position = this.#runs.length - 1
    while (position >= 0 && (this.#runs[position] as Run).firstIndex > index) position -= 1
    return position
  }
}
