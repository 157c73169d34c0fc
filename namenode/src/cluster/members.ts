/** The namenodes of a shard's group: their numbers and where they listen. */
import { assert } from '@hopbine/common/base/assert.ts'
import type { MemberId } from '../raft/messages.ts'

export interface Member {
  readonly id: MemberId
  readonly host: string
  readonly port: number
}

export class Members {
  readonly self: MemberId
  /** The group's first voters; what its log says later counts more. */
  readonly voters: readonly MemberId[]
  readonly all: readonly Member[]
  readonly #byId: ReadonlyMap<MemberId, Member>

  constructor(self: MemberId, voters: readonly MemberId[], all: readonly Member[]) {
    this.self = self
    this.voters = voters
    this.all = [...all].sort((a, b) => a.id - b.id)
    this.#byId = new Map(all.map(member => [member.id, member]))
    assert(this.#byId.size === all.length, 'each member has a number of its own')
    assert(this.#byId.has(self), 'this namenode is one of the members')
  }

  find(id: MemberId): Member | undefined {
    return this.#byId.get(id)
  }

  get others(): Member[] {
    return this.all.filter(({ id }) => id !== this.self)
  }
}
