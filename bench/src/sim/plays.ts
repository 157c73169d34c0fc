/**
 * Faults that follow each other on purpose, as in the examples of the literature: by chance alone some rules
 * of Raft are hardly ever needed. What happens in between is left to the run.
 */
import type { MemberId } from '@hopbine/namenode/raft/messages.ts'
import type { Chance } from './chance.ts'
import type { Clients } from './clients.ts'
import type { Group } from './group.ts'
import type { SimulatedMember, Surroundings } from './simulated-member.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { VirtualTime } from './virtual-time.ts'

type Link = readonly [MemberId, MemberId]

export class Plays {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #network: SimulatedNetwork
  readonly #group: Group
  readonly #clients: Clients
  #isOver = false
  #newLeaders: Array<(member: SimulatedMember) => void> = []

  constructor({ time, chance, network }: Surroundings, group: Group, clients: Clients) {
    this.#time = time
    this.#chance = chance
    this.#network = network
    this.#group = group
    this.#clients = clients
  }

  /** What was begun is broken off. */
  stop(): void {
    this.#isOver = true
    this.#newLeaders = []
  }

  noteNewLeader(member: SimulatedMember): void {
    const waiting = this.#newLeaders
    this.#newLeaders = []
    for (const body of waiting) body(member)
  }

  /** A leader stands still longer than an election takes, with reads waiting for it. */
  pausedLeader(): void {
    const { leader } = this.#group
    if (leader === undefined) return
    const forMs = this.#chance.between(500, 2500)
    leader.pause(forMs)
    // Else the next leader's word would be the first that it hears.
    if (this.#chance.happens(0.7)) this.#cut(this.#aroundOf(leader), forMs + 300)
    this.#clients.spyOn(leader, forMs + 100)
  }

  /** A leader is cut off from the others but not from the clients. */
  forgottenLeader(): void {
    const { leader } = this.#group
    if (leader === undefined) return
    const forMs = this.#chance.between(500, 2500)
    this.#cut(this.#aroundOf(leader), forMs)
    this.#clients.spyOn(leader, forMs)
  }

  /** A leader hands over and does not hear what comes of it. */
  deafHandover(): void {
    const { leader, others } = this.#cast()
    const [heir] = others
    if (leader === undefined || heir === undefined) return
    leader.handOver(heir.id)
    // The heir's log must be known to be whole first.
    this.#time.after(this.#chance.between(0, 15), () => {
      this.#cut(
        others.map(({ id }) => [id, leader.id] as const),
        1500,
      )
    })
    this.#clients.spyOn(leader, 1500)
  }

  /** A member that answered the leader restarts just when one that does not hear the leader stands. */
  hastyVoter(): void {
    const { leader, others } = this.#cast()
    const [deaf, voter] = others
    if (leader === undefined || deaf === undefined || voter === undefined) return
    this.#cut([[leader.id, deaf.id]], 3000)
    this.#clients.spyOn(leader, 3000)
    for (let atMs = 500; atMs < 1500; atMs += this.#chance.between(50, 200)) {
      this.#time.after(atMs, () => this.#restart(voter, leader, deaf))
    }
  }

  /** Restarts a member that then hears of the leader no more; the one that stands gets writes if it wins. */
  #restart(voter: SimulatedMember, leader: SimulatedMember, deaf: SimulatedMember): void {
    if (this.#isOver || voter.core === undefined || voter.isWiped) return
    voter.crash()
    this.#time.after(5, () => {
      if (voter.core === undefined && !voter.isWiped) voter.start()
    })
    this.#cut(this.#aroundOf(leader), 300)
    for (let ms = 10; ms < 300; ms += 15) {
      this.#time.after(ms, () => {
        if (deaf.core?.role === 'leader') this.#clients.writeAt(deaf)
      })
    }
  }

  /**
   * Figure 8 of the paper: an entry of an old term gets to a majority by a later leader that falls before an
   * entry of its own does, and a leader that never had it comes back.
   */
  figure8(): void {
    const { leader: first } = this.#cast()
    if (first === undefined) return
    // It writes what nobody else gets, and another term begins with an entry that nobody else gets either.
    const undoFirst = this.#cutUntil(this.#aroundOf(first))
    this.#clients.writeAt(first)
    this.#newLeaders.push(second => {
      const undoSecond = this.#cutUntil(this.#aroundOf(second))
      this.#time.after(20, () => {
        undoFirst()
        this.#newLeaders.push(third => this.#fallAfterOneEntry(third, undoSecond))
      })
    })
    this.#time.after(8000, undoFirst)
  }

  #fallAfterOneEntry(third: SimulatedMember, undoSecond: () => void): void {
    // A message there and its answer back take 0.4 to 6 ms, a write to the disk up to 4 more.
    this.#time.after(this.#chance.between(2, 20), () => {
      this.#cut(this.#aroundOf(third), 3000)
      undoSecond()
    })
  }

  /** The leader and the other voters that run, in a random order. */
  #cast(): { leader: SimulatedMember | undefined; others: SimulatedMember[] } {
    const { leader, up } = this.#group
    const voters = leader?.core?.configuration.voters ?? []
    const others = up.filter(({ id }) => id !== leader?.id && voters.includes(id))
    return { leader, others: others.sort(() => this.#chance.fraction() - 0.5) }
  }

  #aroundOf(member: SimulatedMember): Link[] {
    const others = this.#group.members.filter(other => other !== member)
    return others.flatMap(({ id }): Link[] => [
      [id, member.id],
      [member.id, id],
    ])
  }

  #cut(links: readonly Link[], forMs: number): void {
    this.#time.after(forMs, this.#cutUntil(links))
  }

  /** Cuts until what it returns is called. */
  #cutUntil(links: readonly Link[]): () => void {
    let isCut = !this.#isOver
    if (isCut) for (const [from, to] of links) this.#network.block(from, to)
    return () => {
      if (isCut) for (const [from, to] of links) this.#network.unblock(from, to)
      isCut = false
    }
  }
}
