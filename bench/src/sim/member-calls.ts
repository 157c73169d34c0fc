/**
 * The client calls that a member works on: writes that wait to be applied, reads that wait for their index.
 */
import type { ConfirmedRead } from '@hopbine/namenode/raft/member-state.ts'
import type { Entry } from '@hopbine/namenode/raft/messages.ts'
import { encodeContent } from './content.ts'
import type { TreeAnswer, TreeCall } from './file-tree.ts'
import type { SimulatedMember } from './simulated-member.ts'

export interface Answered {
  /** The entry after which the answer was given. */
  readonly index: number
  readonly answer: TreeAnswer
}

/** Undefined if the call certainly did not happen, by this attempt. */
export type Outcome = (answered: Answered | undefined) => void

interface WaitingWrite {
  readonly term: number
  readonly outcome: Outcome
}

interface WaitingRead {
  readonly call: TreeCall
  readonly outcome: Outcome
}

export class MemberCalls {
  readonly #member: SimulatedMember
  readonly #writes = new Map<number, WaitingWrite>()
  readonly #reads = new Map<number, WaitingRead>()
  #confirmed: ConfirmedRead[] = []
  #nextToken = 1

  constructor(member: SimulatedMember) {
    this.#member = member
  }

  write(content: number, outcome: Outcome): void {
    this.#member.run(() => {
      const { core } = this.#member
      const result = core?.propose(encodeContent(content))
      if (typeof result !== 'number' || core === undefined) return outcome(undefined)
      this.#writes.set(result, { term: core.term, outcome })
    })
  }

  read(call: TreeCall, outcome: Outcome): void {
    this.#member.run(() => {
      const token = this.#nextToken++
      if (this.#member.core?.read(token, this.#member.nowMs) !== undefined) return outcome(undefined)
      this.#reads.set(token, { call, outcome })
    })
  }

  noteApplied({ index, term }: Entry, answer: TreeAnswer | undefined): void {
    const waiting = this.#writes.get(index)
    if (waiting !== undefined) {
      this.#writes.delete(index)
      const isOurs = waiting.term === term && answer !== undefined
      waiting.outcome(isOurs ? { index, answer } : undefined)
    }
    this.#serveReads()
  }

  noteReads(confirmed: readonly ConfirmedRead[], dropped: readonly number[]): void {
    this.#confirmed.push(...confirmed)
    for (const token of dropped) {
      this.#reads.get(token)?.outcome(undefined)
      this.#reads.delete(token)
    }
    this.#serveReads()
  }

  /** Nobody will answer what waits here; the callers' time-outs tell them. */
  drop(): void {
    this.#writes.clear()
    this.#reads.clear()
    this.#confirmed = []
  }

  #serveReads(): void {
    const { state } = this.#member
    const { appliedIndex } = state
    if (!this.#confirmed.some(({ index }) => index <= appliedIndex)) return
    const servable = this.#confirmed.filter(({ index }) => index <= appliedIndex)
    this.#confirmed = this.#confirmed.filter(({ index }) => index > appliedIndex)
    for (const { token } of servable) {
      const waiting = this.#reads.get(token)
      this.#reads.delete(token)
      waiting?.outcome({ index: appliedIndex, answer: state.read(waiting.call) })
    }
  }
}
