/**
 * How caches of clients stay true: a session that says it caches is remembered for a while after each answer
 * that its caches may keep, and told of changes by others before those are answered.
 */
import { flag, int, list, nothing, record, text, u32, type ValueOf } from '../wire/codec.ts'
import { type Method, method } from './method.ts'

/** How long a caching session may use an answer without asking, counted from its request, in milliseconds. */
export const CACHE_MS = 1_000
/** What the server waits beyond that, for clocks and processes that run differently, in milliseconds. */
export const CACHE_DRIFT_MS = 150

/**
 * Says that answers on this connection are cached from now on, or (`caching` false) that nothing is cached
 * any more. To be said anew on each connection, before anything is asked. Such a session names what it asks
 * by inode: `/.reserved/.inodes/ID` and `/.reserved/.inodes/ID/NAME`; of other paths only the attributes of
 * what is at their end may be cached, no names.
 */
export const declareCaching = method(
  58,
  'declareCaching',
  'session',
  1,
  record({ caching: flag }),
  record({ cacheMs: u32 }),
)

/** What these pushes named is no longer used by the session. */
export const acknowledgeInvalidations = method(
  59,
  'acknowledgeInvalidations',
  'session',
  1,
  record({ numbers: list(int) }),
  nothing,
)

/** Bits of `invalidation.what`. */
export const INVALID = {
  /** What the name stands for, and with it the attributes of the directory that holds it. */
  entry: 1,
  /** Attributes of the inode, ACLs among them. */
  attributes: 2,
  /** Bytes of the inode; its attributes too. */
  content: 4,
} as const

/** One thing that is out of date: an inode under a name. A `name` that is empty names no entry. */
export const invalidation = record({ inodeId: int, parentId: int, name: text, what: u32 })
export type Invalidation = ValueOf<typeof invalidation>

/** Payload of `PUSH.invalidate`; wants an acknowledgement of `number`. */
export const invalidations = record({ number: int, items: list(invalidation) })

export const CACHE_INTEREST_METHODS: readonly Method<unknown, unknown>[] = [
  declareCaching,
  acknowledgeInvalidations,
]
