/**
 * Makes trouble. Each run draws which kinds of fault it has and how often they come, so that some runs see
 * one kind at its worst and others a bit of everything.
 */
import type { MemberId } from '@hopbine/namenode/raft/messages.ts'
import type { Chance } from './chance.ts'
import type { Clients } from './clients.ts'
import type { Group } from './group.ts'
import type { Judge } from './judge.ts'
import { Plays } from './plays.ts'
import type { SimulatedMember, Surroundings } from './simulated-member.ts'
import type { SimulatedNetwork } from './simulated-network.ts'
import type { VirtualTime } from './virtual-time.ts'

const FAULTS = [
  'crash',
  'crash-all',
  'die-midway',
  'coup',
  'pause',
  'isolate',
  'one-way',
  'split',
  'clog',
  'noise',
  'slow-disk',
  'stuck-disk',
  'full-disk',
  'failed-fsync',
  'bit-rot',
  'broken-connections',
  'wipe',
  'hand-over',
  'membership',
  'play',
] as const
export type Fault = (typeof FAULTS)[number]

/** Faults after which a group counts on disks that it did not begin with. */
const REPLACING: readonly Fault[] = ['wipe', 'membership']
/** Voters that a group may get by a change of membership. */
const VOTERS_MAX = 5

export class Nemesis {
  readonly #time: VirtualTime
  readonly #chance: Chance
  readonly #group: Group
  readonly #network: SimulatedNetwork
  readonly #judge: Judge
  readonly #plays: Plays
  /** One play at a time. */
  #playEndsMs = 0
  readonly #kinds: readonly Fault[]
  readonly #meanWaitMs: number
  #isOver = false
  /** The one whose disk rots. */
  #badDisk: SimulatedMember | undefined
  /** Until then every new leader falls soon. */
  #coupUntilMs = 0
  /** What an operator is on the way to. */
  #goal: { voters: readonly MemberId[]; learners: readonly MemberId[] } | undefined
  readonly counts: Partial<Record<Fault, number>> = {}

  constructor(world: Surroundings, group: Group, clients: Clients) {
    const { time, chance, network, judge } = world
    this.#plays = new Plays(world, group, clients)
    this.#time = time
    this.#chance = chance
    this.#group = group
    this.#network = network
    this.#judge = judge
    const drawn = FAULTS.filter(() => chance.happens(0.5))
    // One member's disk may lose what it stored: with two of them a majority could.
    const isExclusive = drawn.includes('bit-rot')
    this.#kinds = drawn.filter(kind => !isExclusive || !REPLACING.includes(kind))
    this.#meanWaitMs = 50 * 60 ** chance.fraction()
    judge.onNewLeader = member => {
      this.#plays.noteNewLeader(member)
      this.#overthrow(member)
    }
    this.#strikeLater()
    this.#operateLater()
  }

  /** No operator is on the way to anything. */
  get isIdle(): boolean {
    return this.#goal === undefined
  }

  /** No more faults, and everything that can be mended is. */
  stop(): void {
    this.#isOver = true
    this.#plays.stop()
    this.#network.heal()
    for (const member of this.#group.members) {
      Object.assign(member.disk, { slowness: 1, isFull: false, failsNextSync: false })
      member.diesAfterSteps = 0
    }
    for (const member of this.#group.down) member.start()
  }

  #strikeLater(): void {
    this.#time.after(this.#chance.wait(this.#meanWaitMs), () => {
      if (this.#isOver) return
      const kind = this.#chance.oneOf(this.#kinds)
      if (kind !== undefined) this.#strike(kind)
      this.#strikeLater()
    })
  }

  #strike(kind: Fault): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1
    const { up, members, leader } = this.#group
    // Faults that meet leaders find more.
    const victim = this.#chance.happens(0.5) && leader !== undefined ? leader : this.#chance.oneOf(up)
    const forMs = this.#duration()
    switch (kind) {
      case 'crash':
        return victim === undefined ? undefined : this.#crash(victim, forMs)
      case 'crash-all':
        for (const member of up) this.#crash(member, this.#duration())
        return
      case 'die-midway':
        return victim === undefined ? undefined : this.#dieMidway(victim, forMs)
      case 'coup':
        this.#coupUntilMs = this.#time.nowMs + 10 * forMs
        return
      case 'pause':
        return victim?.pause(forMs)
      case 'isolate':
        return this.#partition(members, member => (member === victim ? 1 : 0), forMs)
      case 'split': {
        const sides = new Map(members.map(member => [member, this.#chance.below(2)]))
        return this.#partition(members, member => sides.get(member) ?? 0, forMs)
      }
      case 'one-way':
        return this.#oneWay(members, victim, forMs)
      case 'clog':
        for (const { id } of members) {
          for (const { id: to } of members) {
            if (this.#chance.happens(0.3)) this.#network.clog(id, to, this.#chance.between(0, 2000))
          }
        }
        return
      case 'noise':
        return this.#noise(forMs)
      case 'slow-disk':
        return this.#slowDisk(victim, this.#chance.between(5, 200), forMs)
      case 'stuck-disk':
        return this.#slowDisk(victim, 2000, forMs)
      case 'full-disk':
        return this.#fullDisk(victim, forMs)
      case 'failed-fsync':
        return victim === undefined ? undefined : this.#failFsync(victim, forMs)
      case 'broken-connections':
        return victim === undefined ? undefined : this.#breakConnections(victim)
      case 'bit-rot':
        return this.#rot(forMs)
      case 'wipe':
        return this.#wipe(victim)
      case 'hand-over':
        leader?.handOver(this.#chance.oneOf(members)?.id ?? 0)
        return
      case 'membership':
        return this.#changeGoal()
      case 'play':
        return this.#play()
    }
  }

  #play(): void {
    if (this.#time.nowMs < this.#playEndsMs) return
    this.#playEndsMs = this.#time.nowMs + 5000
    const { pausedLeader, forgottenLeader, deafHandover, hastyVoter, figure8 } = Plays.prototype
    const play = this.#chance.oneOf([pausedLeader, forgottenLeader, deafHandover, hastyVoter, figure8])
    play?.call(this.#plays)
  }

  /** Some 10 ms to some seconds: shorter than a sync and longer than an election. */
  #duration(): number {
    return 10 * 400 ** this.#chance.fraction()
  }

  /** Leaders that fall with their first entries half copied are what Raft's finer rules are about. */
  #overthrow(member: SimulatedMember): void {
    if (this.#isOver || this.#time.nowMs > this.#coupUntilMs) return
    const forMs = this.#duration()
    // At once means: before its first message leaves.
    const delayMs = this.#chance.happens(0.5) ? 0 : this.#chance.wait(10)
    this.#time.after(delayMs, () => {
      if (this.#isOver || member.core === undefined) return
      if (this.#chance.happens(0.5)) this.#crash(member, forMs)
      else this.#partition(this.#group.members, other => (other === member ? 1 : 0), forMs)
    })
  }

  #crash(member: SimulatedMember, forMs: number): void {
    member.crash()
    if (this.#chance.happens(0.5)) this.#breakConnections(member)
    this.#time.after(forMs, () => {
      if (member.core === undefined && !member.isWiped) member.start()
    })
  }

  #partition(
    members: readonly SimulatedMember[],
    sideOf: (member: SimulatedMember) => number,
    forMs: number,
  ): void {
    const links = members.flatMap(a =>
      members.filter(b => sideOf(a) !== sideOf(b)).map(b => [a.id, b.id] as const),
    )
    this.#block(links, forMs)
  }

  /** One member hears nobody, or is heard by nobody. */
  #oneWay(members: readonly SimulatedMember[], victim: SimulatedMember | undefined, forMs: number): void {
    if (victim === undefined) return
    const isDeaf = this.#chance.happens(0.5)
    const others = members.filter(member => member !== victim)
    const links = others.map(({ id }) => (isDeaf ? [id, victim.id] : [victim.id, id]) as [MemberId, MemberId])
    this.#block(links, forMs)
  }

  /** Partitions know nothing of each other: a link works again when the last of them is over. */
  #block(links: ReadonlyArray<readonly [MemberId, MemberId]>, forMs: number): void {
    for (const [from, to] of links) this.#network.block(from, to)
    this.#time.after(forMs, () => {
      for (const [from, to] of links) this.#network.unblock(from, to)
    })
  }

  #noise(forMs: number): void {
    const { faults } = this.#network
    faults.lost = this.#chance.between(0, 0.3)
    faults.repeated = this.#chance.between(0, 0.3)
    faults.late = this.#chance.between(0, 0.3)
    this.#time.after(forMs, () => Object.assign(faults, { lost: 0, repeated: 0, late: 0 }))
  }

  /** The machine dies between two steps of what its process does at once, not between two events. */
  #dieMidway(victim: SimulatedMember, forMs: number): void {
    victim.diesAfterSteps = 1 + this.#chance.below(30)
    this.#restartWhenDead(victim, forMs)
  }

  #failFsync(victim: SimulatedMember, forMs: number): void {
    victim.disk.failsNextSync = true
    this.#restartWhenDead(victim, forMs)
  }

  #restartWhenDead(member: SimulatedMember, forMs: number): void {
    member.onDied = () => {
      this.#time.after(this.#isOver ? 0 : forMs, () => {
        if (member.core === undefined && !member.isWiped) member.start()
      })
    }
  }

  /** The others see that a member's connections broke, soon and most of them; it may live on. */
  #breakConnections({ id }: SimulatedMember): void {
    for (const other of this.#group.up) {
      if (other.id === id || this.#chance.happens(0.2)) continue
      this.#time.after(this.#chance.between(0.2, 30), () => other.loseConnection(id))
    }
  }

  /** One entry rots, or a write that went astray takes two. The last is left: it would pass for torn. */
  #rot(forMs: number): void {
    this.#badDisk ??= this.#chance.oneOf(this.#group.members)
    const member = this.#badDisk
    if (member === undefined) return
    const { base, lastIndex } = member.disk.durable
    const entries = lastIndex - base.index
    if (entries < 2) return
    for (let i = 0; i <= this.#chance.below(2); i++) {
      member.disk.rot(base.index + 1 + this.#chance.below(entries - 1))
    }
    this.#restartWhenDead(member, forMs)
  }

  #fullDisk(victim: SimulatedMember | undefined, forMs: number): void {
    if (victim === undefined) return
    victim.disk.isFull = true
    this.#time.after(forMs, () => {
      victim.disk.isFull = false
    })
  }

  #slowDisk(victim: SimulatedMember | undefined, slowness: number, forMs: number): void {
    if (victim === undefined) return
    victim.disk.slowness = slowness
    this.#time.after(forMs, () => {
      victim.disk.slowness = 1
    })
  }

  /** At most one voter of the group is lost for good at a time; an operator puts another in its place. */
  #wipe(victim: SimulatedMember | undefined): void {
    const { leader } = this.#group
    const configuration = leader?.core?.configuration
    if (victim === undefined || configuration === undefined || this.#goal !== undefined) return
    const { voters, outgoing, learners } = configuration
    // A deposed leader may not know of a change.
    const isCurrent = leader?.core?.committed === this.#judge.committedIndex && !leader.core.isChanging
    const isWhole = [...voters, ...outgoing].every(id => this.#group.memberOf(id) !== undefined)
    if (!isCurrent || !isWhole || outgoing.length > 0 || voters.length < 3) return
    this.#group.wipe(victim)
    const fresh = this.#group.addEmpty().id
    this.#goal = {
      voters: voters.map(id => (id === victim.id ? fresh : id)),
      learners: learners.filter(id => id !== victim.id),
    }
  }

  #changeGoal(): void {
    const configuration = this.#group.leader?.core?.configuration
    if (configuration === undefined || this.#goal !== undefined) return
    if (this.#group.members.length < VOTERS_MAX + 1) this.#group.addEmpty()
    const ids = this.#group.members.map(({ id }) => id).sort(() => this.#chance.fraction() - 0.5)
    const count = 1 + this.#chance.below(Math.min(VOTERS_MAX, ids.length))
    const voters = ids.slice(0, count)
    const learners = ids.filter(id => !voters.includes(id) && !configuration.voters.includes(id))
    this.#goal = { voters, learners: learners.slice(0, this.#chance.below(2)) }
  }

  #operateLater(): void {
    this.#time.after(this.#chance.between(100, 500), () => {
      this.#operate()
      this.#operateLater()
    })
  }

  #operate(): void {
    const { leader } = this.#group
    const configuration = leader?.core?.configuration
    if (this.#goal === undefined || configuration === undefined) return
    const { voters, learners } = this.#goal
    const isReached =
      leader?.core?.isChanging === false &&
      configuration.voters.length === voters.length &&
      voters.every(id => configuration.voters.includes(id))
    if (isReached) this.#goal = undefined
    else this.#group.steer(voters, learners)
  }
}
