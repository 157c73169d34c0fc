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
import type { HistoryEvent } from './history.ts'
import { Judge } from './judge.ts'
import { checkHistory } from './linearizability.ts'
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
  readonly repeated: number
  readonly answered: number
  readonly undecided: number
  readonly faults: Readonly<Record<string, number>>
  readonly history: readonly HistoryEvent[]
}

/** A follower that does not hear its leader stands for election several times in so long. */
const STABLE_MS = 3000
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
    writeOf: content => clients.writes[content],
    compactEvery: chance.happens(0.5) ? 10 + chance.below(50) : 1000,
    ...(trace === undefined ? {} : { trace }),
  }
  const voters = chance.happens(0.7) ? 3 : 5
  const group = new Group(world, voters)
  const clients = new Clients(time, chance, judge, CLIENTS, callsPerSecond)
  judge.onDone = (content, index) => clients.noteFirstApplied(content, index)
  const nemesis = new Nemesis(world, group, clients)
  let violation: SimulationReport['violation']
  try {
    time.runUntil(seconds * 1000)
    nemesis.stop()
    time.runUntil(seconds * 1000 + QUIET_MS)
    checkRecovery(group, judge)
    if (nemesis.isIdle) checkStability(group, network, time)
    clients.checkAnswered()
    const verdict = checkHistory(clients.history.calls)
    if (verdict !== 'linearizable') throw new Violation('linearizability', `the history is ${verdict}`)
  } catch (error) {
    violation = { ...violationOf(error as Error), atMs: time.nowMs }
  }
  const { calls, repeated, answered, undecided } = clients.counts
  return {
    ...{ seed, voters, violation, simulatedMs: time.nowMs, events: time.events },
    ...{ elections: judge.elections, committed: judge.committedIndex, calls, repeated },
    ...{ answered, undecided, history: clients.history.events },
    faults: nemesis.counts as Record<string, number>,
  }
}

/** Code that stumbles is as wrong as code that breaks a rule. */
function violationOf(error: Error): { rule: string; message: string } {
  if (error instanceof Violation) return { rule: error.rule, message: error.message }
  if (error instanceof AssertionError) return { rule: 'assertion', message: error.message }
  return { rule: 'error', message: error.stack ?? error.message }
}

/** Bounds are small, so that they are met. */
function drawSettings(chance: Chance): Settings {
  return {
    ...DEFAULT_SETTINGS,
    electionTicks: 10,
    heartbeatTicks: 2,
    // One entry a message and one message at a time leave the most states half way.
    inFlightMessagesMax: chance.happens(0.4) ? 1 : 2 + chance.below(7),
    messageBytesMax: chance.happens(0.4) ? 1 : 8 * (2 + chance.below(15)),
    diskTicks: 20,
    keptEntries: chance.happens(0.5) ? 0 : chance.below(30),
    uncommittedBytesMax: 8 * (8 + chance.below(64)),
    // Nine whole ticks of the fastest clock are 437 ms, 405 ms on the slowest are 418 ms.
    leaseMs: chance.happens(0.4) ? 0.9 * 9 * TICK_MS : 0,
  }
}

/**
 * One voter that hears everybody but the leader must not bring the leader down: those who hear it give no
 * vote (thesis 4.2.3).
 */
function checkStability(group: Group, network: SimulatedNetwork, time: VirtualTime): void {
  const { leader } = group
  const core = leader?.core
  if (leader === undefined || core === undefined || core.isChanging) return
  const { voters } = core.configuration
  const victim = voters.find(id => id !== leader.id)
  if (voters.length < 3 || victim === undefined) return
  const { term } = core
  network.block(leader.id, victim)
  time.runUntil(time.nowMs + STABLE_MS)
  network.unblock(leader.id, victim)
  if (leader.core?.role !== 'leader' || leader.core.term !== term) {
    throw new Violation('disruption', `member ${victim}, which did not hear leader ${leader.id}, deposed it`)
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
      if (member.state.digest !== leader.state.digest) {
        throw new Violation('digest', `of member ${id} differs`)
      }
    }
  }
}
