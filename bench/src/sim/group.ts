/** The members of a simulated group, dead and alive, and what an operator does with them. */
import { makeConfiguration } from '@hopbine/namenode/raft/configuration.ts'
import type { MembershipChange } from '@hopbine/namenode/raft/membership.ts'
import type { MemberId } from '@hopbine/namenode/raft/messages.ts'
import { MachineState } from './machine.ts'
import { SimulatedMember, type Surroundings } from './simulated-member.ts'

export class Group {
  readonly #world: Surroundings
  #nextId = 1

  /** A group of so many voters that begins with nothing. */
  constructor(world: Surroundings, voters: number) {
    this.#world = world
    const ids = Array.from({ length: voters }, () => this.#nextId++)
    for (const id of ids) this.#add(id, ids)
  }

  /** Those whose disk is not lost. */
  get members(): SimulatedMember[] {
    return [...this.#world.judge.members.values()].filter(({ isWiped }) => !isWiped)
  }

  get down(): SimulatedMember[] {
    return this.members.filter(({ core }) => core === undefined)
  }

  get up(): SimulatedMember[] {
    return this.members.filter(({ core }) => core !== undefined)
  }

  /** The leader of the highest term. */
  get leader(): SimulatedMember | undefined {
    const leaders = this.up.filter(({ core }) => core?.role === 'leader')
    return leaders.sort((a, b) => (b.core?.term ?? 0) - (a.core?.term ?? 0))[0]
  }

  memberOf(id: MemberId): SimulatedMember | undefined {
    return this.members.find(member => member.id === id)
  }

  /** A member that knows nothing yet. */
  addEmpty(): SimulatedMember {
    return this.#add(this.#nextId++, [])
  }

  /**
   * Its disk is lost, and with it its vote and everything it promised: it never comes back under this id. An
   * empty machine that joins gets a new one.
   */
  wipe(member: SimulatedMember): void {
    member.crash()
    member.isWiped = true
  }

  /**
   * Asks the leader for the next step towards these voters: newcomers learn first, and become voters when
   * they have caught up.
   */
  steer(voters: readonly MemberId[], learners: readonly MemberId[]): void {
    const { leader } = this
    const configuration = leader?.core?.configuration
    if (leader === undefined || configuration === undefined) return
    const missing = voters.filter(id => ![...configuration.voters, ...configuration.learners].includes(id))
    const isReady = missing.length === 0
    const learning = [...configuration.learners, ...missing, ...learners]
    const change: MembershipChange = isReady
      ? { voters, learners: learners.filter(id => !voters.includes(id)) }
      : { voters: configuration.voters, learners: learning.filter(id => !configuration.voters.includes(id)) }
    leader.changeMembership(change)
  }

  #add(id: MemberId, voters: readonly MemberId[]): SimulatedMember {
    const base = { index: 0, term: 0, configuration: makeConfiguration(voters) }
    const member = new SimulatedMember(id, base, new MachineState(), this.#world)
    this.#world.judge.members.set(id, member)
    member.start()
    return member
  }
}
