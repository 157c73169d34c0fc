/**
 * One run of a simulated group from a seed: some time with faults, in which nothing wrong may happen, then a
 * quiet time in which everything must come right (safety and liveness). The same seed gives the same run.
 */
import { AssertionError } from '@hopbine/common/base/assert.ts'
import { DEFAULT_SETTINGS, type Settings } from '@hopbine/namenode/raft/settings.ts'
import type { TraceEvent } from '@hopbine/namenode/raft/trace.ts'
import { Chance } from './chance.ts'
import { Clients } from './clients.ts'
import { Group } from './group.ts'
import { Judge } from './judge.ts'
import { Nemesis } from './nemesis.ts'
import { type Surroundings, TICK_MS } from './simulated-member.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { Violation } from './violation.ts'
import { VirtualTime } from './virtual-time.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Of the time with faults. */
  readonly seconds: number
  /** Client calls a simulated second. */
  readonly callsPerSecond: number
  readonly trace?: (event: TraceEvent) => void
}

export interface SimulationReport {
  readonly seed: number
  readonly voters: number
  /** Undefined if all went well. */
  readonly violation: { readonly rule: string; readonly message: string; readonly atMs: number } | undefined
  readonly simulatedMs: number
  readonly events: number
  readonly elections: number
  readonly committed: number
  readonly calls: number
  readonly answered: number
  readonly undecided: number
  readonly faults: Readonly<Record<string, number>>
}

/** Quiet time in which a group must find a leader, finish its changes and bring everybody up to date. */
const QUIET_MS = 20_000
const CLIENTS = 4

export function simulate({ seed, seconds, callsPerSecond, trace }: SimulationOptions): SimulationReport {
  const chance = new Chance(seed)
  const time = new VirtualTime()
  const judge = new Judge()
  const network = new SimulatedNetwork(time, chance, parcel => {
    judge.members.get(parcel.message.to)?.receive(parcel)
  })
  const world: Surroundings = {
    ...{ time, chance, network, judge, settings: drawSettings(chance) },
    compactEvery: chance.happens(0.5) ? 10 + chance.below(50) : 1000,
    ...(trace === undefined ? {} : { trace }),
  }
  const voters = chance.happens(0.7) ? 3 : 5
  const group = new Group(world, voters)
  const clients = new Clients(time, chance, judge, CLIENTS, callsPerSecond)
  const nemesis = new Nemesis(world, group)
  let violation: SimulationReport['violation']
  try {
    time.runUntil(seconds * 1000)
    nemesis.stop()
    time.runUntil(seconds * 1000 + QUIET_MS)
    checkRecovery(group, judge)
    clients.checkAnswered()
  } catch (error) {
    if (!(error instanceof Violation) && !(error instanceof AssertionError)) throw error
    const rule = error instanceof Violation ? error.rule : 'assertion'
    violation = { rule, message: error.message, atMs: time.nowMs }
  }
  const { calls, answered, undecided } = clients.counts
  return {
    ...{ seed, voters, violation, simulatedMs: time.nowMs, events: time.events },
    ...{ elections: judge.elections, committed: judge.committedIndex, calls, answered, undecided },
    faults: nemesis.counts as Record<string, number>,
  }
}

/** Bounds are small, so that they are met. */
function drawSettings(chance: Chance): Settings {
  return {
    ...DEFAULT_SETTINGS,
    electionTicks: 10,
    heartbeatTicks: 2,
    // One entry a message and one message at a time leave the most states half way.
    inFlightMessagesMax: chance.happens(0.4) ? 1 : 2 + chance.below(7),
    messageBytesMax: chance.happens(0.4) ? 8 : 8 * (2 + chance.below(15)),
    uncommittedBytesMax: 8 * (8 + chance.below(64)),
    // Nine whole ticks of the fastest clock are 437 ms, 405 ms on the slowest are 418 ms.
    leaseMs: chance.happens(0.4) ? 0.9 * 9 * TICK_MS : 0,
  }
}

/** After the quiet time somebody leads, and everybody of the group has applied the same. */
function checkRecovery(group: Group, judge: Judge): void {
  const { leader } = group
  if (leader?.core === undefined) throw new Violation('liveness', 'nobody leads after the quiet time')
  const { voters, learners, outgoing } = leader.core.configuration
  if (outgoing.length > 0) throw new Violation('liveness', 'a change of membership never ended')
  for (const id of [...voters, ...learners]) {
    const member = group.memberOf(id)
    // The last entries may be on their way.
    if (member !== undefined && member.state.appliedIndex < judge.committedIndex - 50) {
      throw new Violation(
        'liveness',
        `member ${id} is at ${member.state.appliedIndex} of ${judge.committedIndex}`,
      )
    }
    if (member !== undefined && member.state.appliedIndex === leader.state.appliedIndex) {
      if (member.state.digest !== leader.state.digest)
        throw new Violation('digest', `of member ${id} differs`)
    }
  }
}
