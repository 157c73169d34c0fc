/** Links between members: loss, repeats, delay, reordering, blocked in one direction or both, clogged. */
import type { MemberId, Message } from '@hopbine/namenode/raft/messages.ts'
import type { SnapshotChunk, SnapshotProgress } from '@hopbine/namenode/raft/snapshot-transfer.ts'
import type { Chance } from './chance.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface Parcel {
  readonly message: Message | SnapshotChunk | SnapshotProgress
}

export interface NetworkFaults {
  /** Probabilities for one message. */
  lost: number
  repeated: number
  /** Delayed by up to a second, so that later ones overtake. */
  late: number
}

export const NO_NETWORK_FAULTS: NetworkFaults = { lost: 0, repeated: 0, late: 0 }

const LINK_SPAN = 1_000_000

export class SimulatedNetwork {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #deliver: (parcel: Parcel) => void
  /** How many partitions stand between two members, by link. */
  readonly #blocked = new Map<number, number>()
  /** Links that hold their messages back until then. */
  readonly #cloggedUntil = new Map<number, number>()
  faults: NetworkFaults = { ...NO_NETWORK_FAULTS }
  sent = 0
  lost = 0

  constructor(time: VirtualTime, chance: Chance, deliver: (parcel: Parcel) => void) {
    this.#time = time
    this.#chance = chance
    this.#deliver = deliver
  }

  send(parcel: Parcel): void {
    this.sent += 1
    const copies = this.#chance.happens(this.faults.repeated) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) this.#sendOne(parcel)
  }

  /** Each call is undone by one of `unblock`. */
  block(from: MemberId, to: MemberId): void {
    const link = linkOf(from, to)
    this.#blocked.set(link, (this.#blocked.get(link) ?? 0) + 1)
  }

  unblock(from: MemberId, to: MemberId): void {
    const link = linkOf(from, to)
    const left = (this.#blocked.get(link) ?? 0) - 1
    if (left > 0) this.#blocked.set(link, left)
    else this.#blocked.delete(link)
  }

  clog(from: MemberId, to: MemberId, forMs: number): void {
    this.#cloggedUntil.set(linkOf(from, to), this.#time.nowMs + forMs)
  }

  heal(): void {
    this.#blocked.clear()
    this.#cloggedUntil.clear()
    this.faults = { ...NO_NETWORK_FAULTS }
  }

  #sendOne(parcel: Parcel): void {
    const { from, to } = parcel.message
    if (this.#blocked.has(linkOf(from, to)) || this.#chance.happens(this.faults.lost)) {
      this.lost += 1
      return
    }
    const clogMs = (this.#cloggedUntil.get(linkOf(from, to)) ?? 0) - this.#time.nowMs
    const lateMs = this.#chance.happens(this.faults.late) ? this.#chance.between(0, 1000) : 0
    const delayMs = Math.max(0, clogMs) + lateMs + this.#chance.between(0.2, 3)
    this.#time.after(delayMs, () => this.#deliver(parcel))
  }
}

function linkOf(from: MemberId, to: MemberId): number {
  return from * LINK_SPAN + to
}
