/**
 * Clients that write and read, and the check of what they see. Everything a client sees is a prefix of one
 * log, so a history is linearizable exactly if no call that begins after another ended sees a shorter prefix
 * (Herlihy and Wing, 1990). A call without an answer stays undecided.
 */
import type { Chance } from './chance.ts'
import type { Judge } from './judge.ts'
import type { SimulatedMember } from './simulated-member.ts'
import { Violation } from './violation.ts'
import type { VirtualTime } from './virtual-time.ts'

const ANSWER_WAIT_MS = 2000

export interface ClientCounts {
  calls: number
  answered: number
  refused: number
  undecided: number
}

export class Clients {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #judge: Judge
  readonly #meanWaitMs: number
  /** The longest prefix that an ended call has seen. */
  #floor = 0
  #nextContent = 1
  #leaderHint: SimulatedMember | undefined
  readonly #answeredWrites = new Map<number, number>()
  readonly counts: ClientCounts = { calls: 0, answered: 0, refused: 0, undecided: 0 }

  /** `perSecond` calls in all, of so many clients. */
  constructor(time: VirtualTime, chance: Chance, judge: Judge, clients: number, perSecond: number) {
    this.#time = time
    this.#chance = chance
    this.#judge = judge
    this.#meanWaitMs = (clients * 1000) / perSecond
    for (let client = 0; client < clients; client++) this.#callLater()
  }

  checkAnswered(): void {
    for (const [content, index] of this.#answeredWrites) this.#judge.checkAnswered(content, index)
  }

  #callLater(): void {
    this.#time.after(this.#chance.wait(this.#meanWaitMs), () => this.#call())
  }

  #call(): void {
    const member = this.#choose()
    if (member === undefined) return this.#callLater()
    this.counts.calls += 1
    const floor = this.#floor
    const isWrite = this.#chance.happens(0.5)
    const content = isWrite ? this.#nextContent++ : 0
    let isOver = false
    const end = (outcome: 'answered' | 'refused' | 'undecided'): void => {
      isOver = true
      this.counts[outcome] += 1
      this.#callLater()
    }
    const answer = (index: number | undefined): void => {
      const delayMs = this.#chance.between(0.2, 3)
      this.#time.after(delayMs, () => {
        if (isOver) return
        if (index === undefined) this.#leaderHint = undefined
        if (index === undefined) return end('refused')
        this.#leaderHint = this.#chance.happens(0.9) ? member : undefined
        this.#see(index, floor, isWrite ? content : undefined)
        end('answered')
      })
    }
    this.#time.after(this.#chance.between(0.2, 3), () => {
      if (isWrite) member.calls.write(content, answer)
      else member.calls.read(answer)
    })
    this.#time.after(ANSWER_WAIT_MS, () => {
      if (!isOver) end('undecided')
    })
  }

  #see(index: number, floor: number, content: number | undefined): void {
    if (index < floor) throw new Violation('stale read', `sees ${index}, although ${floor} was seen before`)
    this.#floor = Math.max(this.#floor, index)
    if (content !== undefined) this.#answeredWrites.set(content, index)
  }

  /** Most calls go to the member that answered last, some to any other: deposed leaders are asked too. */
  #choose(): SimulatedMember | undefined {
    const members = [...this.#judge.members.values()].filter(({ core }) => core !== undefined)
    if (this.#leaderHint?.core !== undefined && this.#chance.happens(0.7)) return this.#leaderHint
    return this.#chance.oneOf(members)
  }
}
