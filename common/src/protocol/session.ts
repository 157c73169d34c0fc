/**
 * The methods that open a connection and say who speaks on it. Both the namenode and the datanode serve them.
 */
import { flag, int, list, nothing, optional, record, text, u16, type ValueOf } from '../wire/codec.ts'
import { method } from './method.ts'

/** First request of every connection; anything else first ends it. */
const helloRequest = record({
  /** Newest and oldest protocol version that the client speaks. */
  version: u16,
  versionOldest: u16,
  /** 32 hexadecimal digits drawn once by the client; writes are numbered within it. Survives reconnects. */
  clientId: text,
  /** Content of the token file; needed on TCP. */
  token: optional(text),
  /**
   * Acts as this user with these groups; only a superuser's connection may. Absent: the connection's own
   * principal.
   */
  actAs: optional(record({ user: text, groups: list(text) })),
})
export type HelloRequest = ValueOf<typeof helloRequest>

const helloResponse = record({
  version: u16,
  clusterId: text,
  /** Who the server takes the caller for. */
  user: text,
  groups: list(text),
  superuser: flag,
  /** Applied index of the shard at this moment. */
  index: int,
})
export type HelloResponse = ValueOf<typeof helloResponse>

export const hello = method(1, 'hello', 'session', 1, helloRequest, helloResponse)

/** Adds a principal to this connection, to be named by its handle in later requests; superusers only. */
export const addPrincipal = method(
  2,
  'addPrincipal',
  'session',
  1,
  record({
    user: text,
    groups: list(text),
    /** A handle of this connection whose principal this one takes the place of; 0: a new handle. */
    replace: u16,
  }),
  record({ handle: u16 }),
)

/** Asks whether anybody is there: any answer will do, and it comes ahead of what the server works on. */
export const ping = method(3, 'ping', 'session', 1, nothing, nothing)

/** Pushes from the server; their ids live apart from the methods'. */
export const PUSH = {
  /** Cached entries, attributes or bytes are out of date. Payload: `invalidations` of cache-interest.ts. */
  invalidate: 1,
  /** Others wait for leased directories. Payload: `recall`. */
  recall: 2,
  /** Others ask for locks of an inode that is delegated. Payload: `lockRecall` of locks.ts. */
  recallLocks: 10,
} as const
