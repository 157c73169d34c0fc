/**
 * Messages of the core as they travel, and back. What comes in may be anything that the token of the cluster
 * can send: what would break a promise of the core is refused here.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { RaftMessage } from '@hopbine/common/protocol/raft.ts'
import { type Configuration, makeConfiguration } from '../raft/configuration.ts'
import type { Entry, Message } from '../raft/messages.ts'

/** Nothing is copied: encode it before the bytes of its entries are used again. */
export function wireMessage(message: Message): RaftMessage {
  if (message.type === 'append') {
    const entries = message.entries.map(({ index, term, kind, data, configuration }) =>
      configuration === undefined
        ? { index, term, kind, data }
        : { index, term, kind, data, configuration: wireConfiguration(configuration) },
    )
    return { ...message, entries }
  }
  if (message.type === 'snapshot') {
    const { snapshot } = message
    return {
      ...message,
      snapshot: { ...snapshot, configuration: wireConfiguration(snapshot.configuration) },
    }
  }
  return message
}

/** Throws BAD_FRAME for what no member sends. Bytes of entries are views of what was decoded. */
export function messageOf(wire: RaftMessage): Message {
  requireNumbers(wire)
  if (wire.type === 'append') return { ...wire, entries: entriesOf(wire) }
  if (wire.type === 'snapshot') {
    const { index, term, configuration } = wire.snapshot
    if (index < 0 || term < 0) throw bad('a snapshot before the first entry')
    return { ...wire, snapshot: { index, term, configuration: configurationOf(configuration) } }
  }
  return wire
}

function requireNumbers(wire: RaftMessage): void {
  for (const value of Object.values(wire)) {
    if (typeof value === 'number' && value < 0) throw bad(`${wire.type} with a number below zero`)
  }
  if (wire.from === 0 || wire.from === wire.to) throw bad(`${wire.type} from nobody`)
}

function entriesOf({ prevIndex, prevTerm, term, entries }: RaftMessage & { type: 'append' }): Entry[] {
  let lastTerm = prevTerm
  return entries.map(({ index, term: ofEntry, kind, data, configuration }, at) => {
    if (index !== prevIndex + 1 + at) throw bad('entries with a gap')
    if (ofEntry < lastTerm || ofEntry > term)
      throw bad('entries whose terms do not rise to that of the sender')
    lastTerm = ofEntry
    if ((kind === 'configuration') !== (configuration !== undefined)) throw bad('a configuration without one')
    if ((kind === 'command') === (data.length === 0)) throw bad(`a ${kind} of ${data.length} bytes`)
    return {
      index,
      term: ofEntry,
      kind,
      data,
      configuration: configuration === undefined ? undefined : configurationOf(configuration),
    }
  })
}

type WireConfiguration = (RaftMessage & { type: 'snapshot' })['snapshot']['configuration']

function wireConfiguration({ voters, learners, outgoing }: Configuration): WireConfiguration {
  return { voters: [...voters], learners: [...learners], outgoing: [...outgoing] }
}

function configurationOf({ voters, learners, outgoing }: WireConfiguration): Configuration {
  const all = [...voters, ...outgoing]
  if (learners.some(id => all.includes(id))) throw bad('a member that is voter and learner')
  return makeConfiguration(voters, learners, outgoing)
}

function bad(what: string): FsError {
  return new FsError('BAD_FRAME', `no member sends ${what}`)
}
