/**
 * Clients that change and list a small file system. A call that is refused or gets no answer is sent again to
 * another member under its number; one that gets none in the end stays undecided. Everything a client sees is
 * a prefix of one log, so no call that begins after another ended may see a shorter one: that is checked at
 * once, and the whole history at the end (`linearizability.ts`).
 */
import type { Chance } from './chance.ts'
import type { TreeAnswer, TreeCall } from './file-tree.ts'
import { History, type HistoryCall } from './history.ts'
import type { Judge } from './judge.ts'
import type { ClientWrite } from './machine.ts'
import type { Answered } from './member-calls.ts'
import type { SimulatedMember } from './simulated-member.ts'
import { Violation } from './violation.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Between two attempts without an answer. */
const ATTEMPT_MS = 700
const ATTEMPTS_MAX = 4
const DIRECTORIES = ['a', 'b', 'c']
const NAMES = ['x', 'y', 'z']

export interface ClientCounts {
  calls: number
  answered: number
  refused: number
  undecided: number
  /** Attempts beyond the first. */
  repeated: number
}

export class Clients {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #judge: Judge
  readonly #meanWaitMs: number
  /** The longest prefix that an ended call has seen. */
  #floor = 0
  #leaderHint: SimulatedMember | undefined
  #nextProcess: number
  readonly #answeredWrites = new Map<number, number>()
  readonly history = new History()
  /** By the number that stands for them in the log. */
  readonly writes: ClientWrite[] = []
  readonly #callOfWrite: HistoryCall[] = []
  readonly counts: ClientCounts = { calls: 0, answered: 0, refused: 0, undecided: 0, repeated: 0 }

  /** `perSecond` calls in all, of so many clients. */
  constructor(time: VirtualTime, chance: Chance, judge: Judge, clients: number, perSecond: number) {
    this.#time = time
    this.#chance = chance
    this.#judge = judge
    this.#meanWaitMs = (clients * 1000) / perSecond
    this.#nextProcess = clients
    for (let client = 0; client < clients; client++) this.#callLater(client)
  }

  /** Lists at one member again and again, whoever leads: what it answers must not be stale. */
  spyOn(member: SimulatedMember, forMs: number): void {
    const endMs = this.#time.nowMs + forMs
    const look = (): void => {
      if (this.#time.nowMs > endMs) return
      const floor = this.#floor
      member.calls.read({ f: 'list', path: '' }, answered => {
        if (answered !== undefined) this.#see(answered.index, floor)
      })
      this.#time.after(this.#chance.between(5, 40), look)
    }
    look()
  }

  /** One write at a member, whoever leads. */
  writeAt(member: SimulatedMember): void {
    const process = this.#nextProcess++
    const call: TreeCall = { f: 'delete', path: this.#path() }
    const history = this.history.invoke(process, call, this.#time.nowMs)
    const content = this.#noteWrite(process, history)
    this.counts.calls += 1
    this.counts.undecided += 1
    member.calls.write(content, answered => {
      if (answered !== undefined) this.#see(answered.index, 0)
    })
    this.history.info(history, this.#time.nowMs)
  }

  #noteWrite(client: number, history: HistoryCall): number {
    const content = this.writes.length
    this.writes.push({ client, sequence: content, call: history.call })
    this.#callOfWrite.push(history)
    return content
  }

  #see(index: number, floor: number): void {
    if (index < floor) throw new Violation('stale read', `sees ${index}, although ${floor} was seen before`)
    this.#floor = Math.max(this.#floor, index)
  }

  checkAnswered(): void {
    for (const [content, index] of this.#answeredWrites) this.#judge.checkAnswered(content, index)
  }

  /** Tells the history where undecided writes took effect, for the checker's first try. */
  noteFirstApplied(content: number, index: number): void {
    const call = this.#callOfWrite[content]
    if (call !== undefined) call.place = index
  }

  #callLater(process: number): void {
    this.#time.after(this.#chance.wait(this.#meanWaitMs), () => this.#call(process))
  }

  #call(process: number): void {
    const call = this.#draw()
    const history = this.history.invoke(process, call, this.#time.nowMs)
    const content = call.f === 'list' ? undefined : this.#noteWrite(process, history)
    this.counts.calls += 1
    new Attempts(this, history, content, this.#floor).next()
  }

  #draw(): TreeCall {
    const path = this.#path()
    const inode = this.writes.length + 1
    const made = { path, inode, timeMs: Math.round(this.#time.nowMs) }
    switch (this.#chance.below(8)) {
      case 0:
      case 1:
        return { f: 'create', ...made }
      case 2:
        return { f: 'mkdir', ...made }
      case 3:
        return { f: 'delete', path }
      case 4:
        return { f: 'rename', path, to: this.#path() }
      default:
        return { f: 'list', path: this.#chance.happens(0.3) ? '' : (this.#chance.oneOf(DIRECTORIES) ?? '') }
    }
  }

  #path(): string {
    const directory = this.#chance.oneOf(DIRECTORIES) ?? ''
    return this.#chance.happens(0.3) ? directory : `${directory}/${this.#chance.oneOf(NAMES)}`
  }

  /** One attempt; `over` tells its end, undefined if it was refused and certainly did not happen. */
  attempt(call: TreeCall, content: number | undefined, over: (answered: Answered | undefined) => void): void {
    const member = this.#choose()
    if (member === undefined) return over(undefined)
    let isHeard = false
    const answer = (answered: Answered | undefined): void => {
      if (isHeard) return
      isHeard = true
      this.#time.after(this.#chance.between(0.2, 3), () => {
        this.#leaderHint = answered !== undefined && this.#chance.happens(0.9) ? member : undefined
        over(answered)
      })
    }
    this.#time.after(this.#chance.between(0.2, 3), () => {
      if (content === undefined) member.calls.read(call, answer)
      else member.calls.write(content, answer)
    })
  }

  after(delayMs: number, body: () => void): void {
    this.#time.after(delayMs, body)
  }

  noteRepeated(): void {
    this.counts.repeated += 1
  }

  answered(history: HistoryCall, content: number | undefined, floor: number, seen: Answered): void {
    const { index, answer } = seen
    this.#see(index, floor)
    if (content !== undefined) this.#answeredWrites.set(content, index)
    else history.place = index + 0.5
    this.history.ok(history, answer as TreeAnswer, this.#time.nowMs)
    this.counts.answered += 1
    this.#callLater(history.process)
  }

  /** `isCertain`: no attempt can have taken effect. */
  gaveUp(history: HistoryCall, isCertain: boolean): void {
    if (isCertain) {
      this.history.fail(history, this.#time.nowMs)
      this.counts.refused += 1
      return this.#callLater(history.process)
    }
    this.history.info(history, this.#time.nowMs)
    this.counts.undecided += 1
    this.#callLater(this.#nextProcess++)
  }

  /** Most calls go to the member that answered last, some to any other: deposed leaders are asked too. */
  #choose(): SimulatedMember | undefined {
    const members = [...this.#judge.members.values()].filter(({ core }) => core !== undefined)
    if (this.#leaderHint?.core !== undefined && this.#chance.happens(0.7)) return this.#leaderHint
    return this.#chance.oneOf(members)
  }
}

/** The attempts of one call. */
class Attempts {
  readonly #clients: Clients
  readonly #history: HistoryCall
  readonly #content: number | undefined
  readonly #floor: number
  #count = 0
  /** Some attempt got no answer. */
  #isUncertain = false
  #isOver = false

  constructor(clients: Clients, history: HistoryCall, content: number | undefined, floor: number) {
    this.#clients = clients
    this.#history = history
    this.#content = content
    this.#floor = floor
  }

  next(): void {
    if (this.#count === ATTEMPTS_MAX) {
      this.#isOver = true
      return this.#clients.gaveUp(this.#history, !this.#isUncertain)
    }
    this.#count += 1
    if (this.#count > 1) this.#clients.noteRepeated()
    let isEnded = false
    this.#clients.attempt(this.#history.call, this.#content, answered => {
      if (this.#isOver) return
      if (answered !== undefined) {
        this.#isOver = true
        isEnded = true
        return this.#clients.answered(this.#history, this.#content, this.#floor, answered)
      }
      if (isEnded) return
      isEnded = true
      this.#clients.after(20, () => this.next())
    })
    this.#clients.after(ATTEMPT_MS, () => {
      if (isEnded || this.#isOver) return
      isEnded = true
      this.#isUncertain = true
      this.next()
    })
  }
}
