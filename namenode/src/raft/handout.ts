/** What the driver of a core was given to store, and what of it the disk holds by now. */
import type { MemberState } from './member-state.ts'
import type { HardState, SnapshotFacts } from './messages.ts'
import type { Ready } from './ready.ts'
import { WriteWatch } from './write-watch.ts'

export class Handout {
  readonly #state: MemberState
  readonly #writes: WriteWatch
  #given: HardState
  #saved: HardState
  /** What was applied before a start is applied again or skipped by the driver. */
  #givenCommitted = 0
  /** Replaces everything with the next Ready. */
  snapshot: SnapshotFacts | undefined

  constructor(state: MemberState) {
    this.#state = state
    this.#writes = new WriteWatch(state.settings)
    this.#given = state.hardState
    this.#saved = this.#given
  }

  /** True while the disk has not finished a write for `diskTicks`. */
  get isDiskStalled(): boolean {
    return this.#writes.isStalled
  }

  tick(): void {
    this.#writes.tick()
  }

  /** What there is to do, or undefined if there is nothing. */
  take(isLeader: boolean): Ready | undefined {
    const { log, tracer, hardState } = this.#state
    const given = this.#given
    const isVoteNews = hardState.term !== given.term || hardState.vote !== given.vote
    const isPromiseNews = hardState.promised !== given.promised
    const hasChanged = isVoteNews || isPromiseNews || hardState.commit !== given.commit
    const isCommitNews = log.appliable > this.#givenCommitted
    const hasWork = hasChanged || isCommitNews || log.hasUnhanded || this.snapshot !== undefined
    if (!hasWork && !this.#state.hasOutput) return undefined
    if (log.hasUnhanded && isLeader) tracer?.ownAppend('Send', log.lastIndex)
    tracer?.event('Ready')
    const entries = log.takeUnhanded()
    const { snapshot } = this
    const mustSync = entries.length > 0 || snapshot !== undefined || isVoteNews
    if (mustSync) this.#writes.noteBegun()
    this.snapshot = undefined
    this.#given = hardState
    this.#givenCommitted = log.appliable
    return {
      hardState: hasChanged ? hardState : undefined,
      snapshot,
      entries,
      mustSync,
      committed: log.appliable,
      mark: log.handedOut,
      ...this.#state.takeOutput(),
    }
  }

  /** The disk holds what this Ready and all before it asked for. True if the log has more of it. */
  noteStored({ hardState, mark, mustSync }: Ready): boolean {
    const { log } = this.#state
    if (mustSync) this.#writes.noteDone()
    if (hardState !== undefined) this.#saved = hardState
    const before = log.savedIndex
    log.markSaved(mark)
    this.#state.settlePromise()
    return log.savedIndex > before
  }

  /** A candidate's own vote counts only when no crash can make it vote again. */
  get isOwnVoteStored(): boolean {
    const { id, term } = this.#state
    return this.#saved.term === term && this.#saved.vote === id
  }
}
