/**
 * Writes a core's steps as events of the format that the TLA+ trace specification of etcd's Raft reads
 * (etcd-io/raft, tla/Traceetcdraft.tla), so that a model checker which nobody here wrote can judge a run. The
 * specification knows neither pre-votes nor joint configurations: the former are left out, and a run with the
 * latter is not for it.
 */

import type { Configuration } from './configuration.ts'
import { NO_MEMBERS } from './configuration.ts'
import type { HardState, MemberId, Message } from './messages.ts'

/** One event, ready for `JSON.stringify`; `msg` and `prop` only where they apply. */
export interface TraceEvent {
  readonly name: string
  readonly nid: string
  readonly state: { readonly term: number; readonly vote: string; readonly commit: number }
  readonly role: 'StateFollower' | 'StateCandidate' | 'StateLeader'
  /** Last index of the log. */
  readonly log: number
  readonly conf: readonly [readonly string[], readonly string[]]
  readonly msg?: TraceMessage
  readonly prop?: { readonly cc: { readonly newconf: readonly string[] } }
}

export interface TraceMessage {
  readonly type: string
  readonly term: number
  readonly from: string
  readonly to: string
  readonly entries: number
  readonly logTerm: number
  readonly index: number
  readonly commit: number
  readonly vote: string
  readonly reject: boolean
  readonly rejectHint: number
}

/** What an event says of its member. */
export interface TraceFacts {
  readonly id: MemberId
  readonly hardState: HardState
  readonly role: TraceEvent['role']
  readonly lastIndex: number
  readonly configuration: Configuration
}

export class Tracer {
  readonly #sink: (event: TraceEvent) => void
  readonly #facts: () => TraceFacts

  constructor(sink: (event: TraceEvent) => void, facts: () => TraceFacts) {
    this.#sink = sink
    this.#facts = facts
  }

  event(name: string, configuration?: Configuration): void {
    this.#sink({ ...headOf(name, this.#facts(), configuration) })
  }

  sent(message: Message): void {
    this.#message('Send', message)
  }

  received(message: Message): void {
    this.#message('Receive', message)
  }

  /** The leader's acknowledgement to itself, which the specification wants to see as a message. */
  ownAppend(direction: 'Send' | 'Receive', index: number): void {
    const { id, hardState } = this.#facts()
    const { term } = hardState
    const rest = { accepted: true, index, hintIndex: 0, hintTerm: 0, hasLost: false }
    this.#message(direction, { type: 'append-response', from: id, to: id, term, ...rest })
  }

  /** The candidate's vote for itself, likewise. */
  ownVote(direction: 'Send' | 'Receive'): void {
    const { id, hardState } = this.#facts()
    const { term } = hardState
    this.#message(direction, { type: 'vote-response', from: id, to: id, term, pre: false, granted: true })
  }

  /** How a group begins, in the words of the specification: everybody holds the first configuration. */
  bootstrap(configuration: Configuration): void {
    const facts = this.#facts()
    this.#sink(headOf('InitState', { ...facts, configuration: NO_MEMBERS }))
    this.#sink(headOf('ApplyConfChange', { ...facts, configuration: NO_MEMBERS }, configuration))
    this.#sink(headOf('Bootstrap', facts))
  }

  #message(direction: 'Send' | 'Receive', message: Message): void {
    const traced = tracedOf(message)
    if (traced === undefined) return
    this.#sink({ ...headOf(`${direction}${traced.name}`, this.#facts()), msg: traced.msg })
  }
}

function headOf(name: string, facts: TraceFacts, next?: Configuration): TraceEvent {
  const { id, hardState, role, lastIndex, configuration } = facts
  const { term, vote, commit } = hardState
  return {
    name,
    nid: String(id),
    state: { term, vote: String(vote), commit },
    role,
    log: lastIndex,
    conf: [configuration.voters.map(String), configuration.outgoing.map(String)],
    ...(next === undefined ? {} : { prop: { cc: { newconf: next.voters.map(String) } } }),
  }
}

/** The message in the specification's words, and the event that it makes; undefined for what it lacks. */
function tracedOf(message: Message): { name: string; msg: TraceMessage } | undefined {
  const { from, to, term } = message
  const base = {
    ...{ term, from: String(from), to: String(to), entries: 0, logTerm: 0, index: 0, commit: 0 },
    ...{ vote: '0', reject: false, rejectHint: 0 },
  }
  switch (message.type) {
    case 'vote-request': {
      if (message.pre) return undefined
      const msg = { ...base, type: 'MsgVote', index: message.lastIndex, logTerm: message.lastTerm }
      return { name: 'RequestVoteRequest', msg }
    }
    case 'vote-response': {
      if (message.pre) return undefined
      return { name: 'RequestVoteResponse', msg: { ...base, type: 'MsgVoteResp', reject: !message.granted } }
    }
    case 'append': {
      const { prevIndex: index, prevTerm: logTerm, entries, commit } = message
      const facts = { index, logTerm, entries: entries.length, commit }
      return { name: 'AppendEntriesRequest', msg: { ...base, type: 'MsgApp', ...facts } }
    }
    case 'append-response': {
      const { index, accepted, hintIndex, hintTerm } = message
      const facts = { index, reject: !accepted, rejectHint: hintIndex, logTerm: hintTerm }
      return { name: 'AppendEntriesResponse', msg: { ...base, type: 'MsgAppResp', ...facts } }
    }
    case 'heartbeat': {
      const msg = { ...base, type: 'MsgHeartbeat', commit: message.commit }
      return { name: 'AppendEntriesRequest', msg }
    }
    case 'heartbeat-response':
      return { name: 'AppendEntriesResponse', msg: { ...base, type: 'MsgHeartbeatResp' } }
    case 'snapshot': {
      const msg = { ...base, type: 'MsgSnap', entries: message.snapshot.index }
      return { name: 'AppendEntriesRequest', msg }
    }
    default:
      return undefined
  }
}
