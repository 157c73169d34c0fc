/**
 * What members of a shard's group say to each other: the messages of Raft as they travel, one way. The shard
 * stands in the header of each request, so that many groups share a connection. What the messages mean is the
 * namenode's affair (`namenode/raft/messages.ts`).
 */
import { FsError } from '../base/errors.ts'
import {
  bytes,
  type Codec,
  flag,
  int,
  list,
  nothing,
  optional,
  record,
  text,
  u8,
  u16,
  type ValueOf,
} from '../wire/codec.ts'
import { type Method, method } from './method.ts'

const memberList = list(int)

/** Who belongs to a group. */
export const raftConfiguration = record({
  voters: memberList,
  learners: memberList,
  /** Voters that are being replaced. */
  outgoing: memberList,
})

/** What an entry is; the numbers never change their meaning. */
const ENTRY_KINDS = ['command', 'noop', 'configuration'] as const
type EntryKind = (typeof ENTRY_KINDS)[number]

const entryKind: Codec<EntryKind> = {
  shape: 'u8(command|noop|configuration)',
  missing: 'command',
  encode: (writer, kind) => u8.encode(writer, ENTRY_KINDS.indexOf(kind)),
  decode(reader) {
    const kind = ENTRY_KINDS[u8.decode(reader)]
    if (kind === undefined) throw new FsError('BAD_FRAME', 'an entry of a kind that nobody knows')
    return kind
  },
}

const entries = list(
  record({
    index: int,
    term: int,
    kind: entryKind,
    data: bytes,
    configuration: optional(raftConfiguration),
  }),
)

const addressed = { from: int, to: int, term: int }

/** By their number on the wire, which is their place here: only ever append. */
const MESSAGES = [
  ['vote-request', record({ ...addressed, pre: flag, lastIndex: int, lastTerm: int, isTransfer: flag })],
  ['vote-response', record({ ...addressed, pre: flag, granted: flag })],
  ['append', record({ ...addressed, prevIndex: int, prevTerm: int, entries, commit: int })],
  [
    'append-response',
    record({ ...addressed, accepted: flag, index: int, hintIndex: int, hintTerm: int, hasLost: flag }),
  ],
  ['heartbeat', record({ ...addressed, commit: int, round: int })],
  ['heartbeat-response', record({ ...addressed, round: int })],
  [
    'snapshot',
    record({
      ...addressed,
      snapshot: record({ index: int, term: int, configuration: raftConfiguration }),
    }),
  ],
  ['timeout-now', record({ ...addressed })],
  ['read-request', record({ ...addressed, token: int })],
  ['read-response', record({ ...addressed, token: int, index: int })],
] as const

type Row = (typeof MESSAGES)[number]
type Tagged<R> = R extends readonly [infer Type, infer C] ? { readonly type: Type } & ValueOf<C> : never
/** The core's `Message`, structurally: the namenode's compiler checks that it is. */
export type RaftMessage = Tagged<Row>

const numbers = new Map<string, number>(MESSAGES.map(([type], number) => [type, number]))

const raftMessage: Codec<RaftMessage> = {
  shape: `u8(${MESSAGES.map(([type, { shape }]) => `${type}${shape}`).join('|')})`,
  missing: { type: 'timeout-now', from: 0, to: 0, term: 0 },
  encode(writer, message) {
    const number = numbers.get(message.type) as number
    u8.encode(writer, number)
    ;((MESSAGES[number] as Row)[1] as Codec<unknown>).encode(writer, message)
  },
  decode(reader) {
    const row = MESSAGES[u8.decode(reader)]
    if (row === undefined) throw new FsError('BAD_FRAME', 'a message between members that nobody knows')
    const value = row[1].decode(reader) as ValueOf<Row[1]>
    return { type: row[0], ...value } as RaftMessage
  },
}

/**
 * One message to a member of the shard's group. One way: it may get lost. Bytes of entries in what was
 * decoded are views of the frame.
 */
export const tellMember = method(120, 'tellMember', 'session', 1, record({ message: raftMessage }), nothing)

const groupMember = record({
  id: int,
  host: text,
  port: u16,
  /** False: it gets the log and has no vote. */
  voter: flag,
  /** How far its log is known to agree, if the leader was asked; else -1. */
  matched: int,
  /** Milliseconds since its last message; -1: none since the start; 0 of the member itself. */
  heardMs: int,
})

/** What a member knows of its group; any member answers. */
export const groupStatus = method(
  121,
  'groupStatus',
  'session',
  1,
  nothing,
  record({
    self: int,
    /** `leader`, `follower`, `candidate` or `pre-candidate`. */
    role: text,
    term: int,
    /** 0: not known. */
    leader: int,
    /** It leads, has applied what earlier leaders left, and answers. */
    serves: flag,
    /** First and last entry of its log, and how far it is committed and applied. */
    firstIndex: int,
    lastIndex: int,
    committed: int,
    applied: int,
    /** Empty: the shard has one namenode and no group. */
    members: list(groupMember),
  }),
)

/**
 * Lets another voter lead. Answered when this member leads no more. INVALID_ARGUMENT if it is no voter,
 * TIMED_OUT if it did not take over in time: then this member goes on.
 */
export const transferLeadership = method(
  122,
  'transferLeadership',
  'session',
  1,
  record({ to: int }),
  nothing,
)

export const RAFT_METHODS: readonly Method<unknown, unknown>[] = [tellMember, groupStatus, transferLeadership]
