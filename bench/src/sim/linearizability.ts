/**
 * Looks for an order of all calls in which a plain file system gives the answers that the clients saw, and
 * every call lies between its beginning and its end (Herlihy and Wing, 1990). The search is Wing and Gong's
 * (1993) with the memory of Lowe (2017): a set of calls done with the tree that they leave is tried once.
 * Where the implementation said in which order calls took effect, that order is tried first; the proof does
 * not depend on it.
 */
import { FileTree } from './file-tree.ts'
import type { HistoryCall } from './history.ts'

export type Verdict = 'linearizable' | 'not linearizable' | 'undecided'

/** Steps of the search; far more than a sound history takes. */
const STEPS_MAX = 200_000

interface Frame {
  readonly tree: FileTree
  /** Candidates for the next place, best first. */
  readonly candidates: readonly number[]
  next: number
  /** The call that led here. */
  readonly taken: number
}

export function checkHistory(calls: readonly HistoryCall[]): Verdict {
  // A read without an answer says nothing.
  const telling = calls.filter(({ endMs, call }) => endMs !== undefined || call.f !== 'list')
  // Undecided calls may never take effect, so an order without them is as good.
  const likely = telling.filter(({ endMs, place }) => endMs !== undefined || place !== undefined)
  const verdict = new Search(likely).run()
  return verdict === 'linearizable' ? verdict : new Search(telling).run()
}

class Search {
  readonly #calls: readonly HistoryCall[]
  readonly #isDone: Uint8Array
  /** Answered calls that have no place yet. */
  #left: number
  /** Calls before this one are all done, or undecided. */
  #from = 0
  readonly #tried = new Set<string>()

  constructor(calls: readonly HistoryCall[]) {
    this.#calls = [...calls].sort((a, b) => a.startMs - b.startMs)
    this.#isDone = new Uint8Array(calls.length)
    this.#left = calls.filter(({ endMs }) => endMs !== undefined).length
  }

  run(): Verdict {
    const stack: Frame[] = [this.#frame(new FileTree(), -1)]
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      if (this.#left === 0) return 'linearizable'
      const frame = stack.at(-1)
      if (frame === undefined) return 'not linearizable'
      const candidate = frame.candidates[frame.next++]
      if (candidate === undefined) {
        stack.pop()
        this.#undo(frame.taken)
        continue
      }
      const { call, answer, endMs } = this.#calls[candidate] as HistoryCall
      const tree = call.f === 'list' ? frame.tree : frame.tree.copy()
      const given = tree.call(call)
      if (endMs !== undefined && given !== answer) continue
      this.#do(candidate)
      if (this.#isNew(tree)) stack.push(this.#frame(tree, candidate))
      else this.#undo(candidate)
    }
    return 'undecided'
  }

  #do(taken: number): void {
    this.#isDone[taken] = 1
    if (this.#calls[taken]?.endMs !== undefined) this.#left -= 1
  }

  #undo(taken: number): void {
    if (taken < 0) return
    this.#isDone[taken] = 0
    if (this.#calls[taken]?.endMs !== undefined) this.#left += 1
    this.#from = Math.min(this.#from, taken)
  }

  /** Calls that begin before any call without a place ends. */
  #frame(tree: FileTree, taken: number): Frame {
    while (this.#from < this.#calls.length && this.#isDone[this.#from] === 1) this.#from += 1
    const open: number[] = []
    let firstEndMs = Number.POSITIVE_INFINITY
    for (let i = this.#from; i < this.#calls.length; i++) {
      const { startMs, endMs } = this.#calls[i] as HistoryCall
      if (startMs > firstEndMs) break
      if (this.#isDone[i] === 1) continue
      open.push(i)
      firstEndMs = Math.min(firstEndMs, endMs ?? Number.POSITIVE_INFINITY)
    }
    const placeOf = (i: number): number => this.#calls[i]?.place ?? Number.POSITIVE_INFINITY
    const candidates = open.sort((a, b) => placeOf(a) - placeOf(b) || a - b)
    return { tree, candidates, next: 0, taken }
  }

  #isNew(tree: FileTree): boolean {
    const done: number[] = []
    for (let i = this.#from; i < this.#calls.length; i++) if (this.#isDone[i] === 1) done.push(i)
    const key = `${this.#from} ${done} ${tree.text}`
    if (this.#tried.has(key)) return false
    this.#tried.add(key)
    return true
  }
}
