/**
 * Locks of files across sessions, and who has which file open for writing: soft state of the namenode. A
 * session opens its locks once, says at least every term that it lives, and says again what it holds when the
 * namenode does not know it any more. Calls other than `openLocks` and `closeLocks` name the incarnation that
 * it answered; SESSION_EXPIRED says that it is over, and with it all that was held.
 *
 * While one session alone locks an inode, its locks are delegated to that session, which then decides by
 * itself and tells nobody. `delegated` in an answer says so: the caller decides the request itself.
 */
import { flag, int, list, nothing, optional, record, text, u8, u32, type ValueOf } from '../wire/codec.ts'
import { type Method, method } from './method.ts'

/** A session that is silent for so long has lost its locks, in milliseconds. */
export const LOCK_TERM_MS = 15_000
/** A session with locks speaks at least so often, in milliseconds. */
export const LOCK_RENEW_MS = 4_000
/** Pieces that one session holds, as far as the namenode knows them; one more is `full`. */
export const LOCKS_MAX = 32_768
/** Inodes delegated to one session, and files that it has open for writing as far as it tells. */
export const DELEGATIONS_MAX = 8_192
export const OPENS_MAX = 65_536

/** A piece of one owner. `kind`, `type` and `end` as in common/locks. */
export const lockPiece = record({
  kind: u8,
  /** Names the owner within its session. */
  owner: text,
  type: u8,
  start: int,
  end: int,
  /** As the owner's machine counts processes; 0 where the piece is another session's. */
  pid: u32,
})
export type LockPieceMessage = ValueOf<typeof lockPiece>

export const LOCK_OUTCOME = {
  granted: 0,
  refused: 1,
  /** Waiting would close a circle. */
  deadlock: 2,
  /** The inode is the caller's own to decide. */
  delegated: 3,
  cancelled: 4,
  /** The session holds as much as it may. */
  full: 5,
} as const

const answer = record({
  outcome: u8,
  /** With `refused`: what stands in the way. */
  conflict: optional(lockPiece),
  /** With `delegated`: number of the delegation. */
  delegation: int,
})
export type LockAnswer = ValueOf<typeof answer>

/**
 * Begins to hold locks, or goes on on another connection. `incarnation` 0: for the first time. What is listed
 * was held so far: pieces, or a delegation with its number. `lost` names the inodes of which it is no longer.
 */
export const openLocks = method(
  90,
  'openLocks',
  'session',
  1,
  record({
    incarnation: int,
    inodes: list(record({ inodeId: int, delegation: int, locks: list(lockPiece) })),
    opened: list(int),
  }),
  record({ incarnation: int, lost: list(int) }),
)
/**
 * Locks a range. With `wait` the answer comes when it is granted, when `cancelLock` names its number, or at
 * once as `deadlock`. Numbers are drawn by the session; the same request sent again takes the place of the
 * first. With `delegate` the caller is ready to decide by itself from now on.
 */
export const lock = method(
  91,
  'lock',
  'session',
  1,
  record({ incarnation: int, inodeId: int, piece: lockPiece, number: int, wait: flag, delegate: flag }),
  answer,
)
/** Unlocks a range of one owner; `type` of the piece says nothing. */
export const unlock = method(
  92,
  'unlock',
  'session',
  1,
  record({ incarnation: int, inodeId: int, piece: lockPiece }),
  answer,
)
/** What would stand in the way of a lock. */
export const testLock = method(
  93,
  'testLock',
  'session',
  1,
  record({ incarnation: int, inodeId: int, piece: lockPiece }),
  answer,
)
/** The session's `lock` of that number waits no longer. */
export const cancelLock = method(
  94,
  'cancelLock',
  'session',
  1,
  record({ incarnation: int, number: int }),
  nothing,
)
/** Gives a delegation back, with everything held under it. */
export const returnLocks = method(
  95,
  'returnLocks',
  'session',
  1,
  record({ incarnation: int, inodeId: int, delegation: int, locks: list(lockPiece) }),
  nothing,
)
/** After an answer that nobody waited for: the owner holds these pieces alone, and waits for no `cancel`. */
export const restoreLocks = method(
  96,
  'restoreLocks',
  'session',
  1,
  record({
    incarnation: int,
    inodeId: int,
    kind: u8,
    owner: text,
    locks: list(lockPiece),
    cancel: list(int),
  }),
  nothing,
)
/** The session lives. */
export const renewLocks = method(97, 'renewLocks', 'session', 1, record({ incarnation: int }), nothing)
/** The session gives up everything. */
export const closeLocks = method(98, 'closeLocks', 'session', 1, nothing, nothing)
/** Files that the session has open for reading and writing; `shared` are those that others have, too. */
export const declareOpens = method(
  99,
  'declareOpens',
  'session',
  1,
  record({ incarnation: int, opened: list(int), closed: list(int) }),
  record({ shared: list(int) }),
)

/** Payload of `PUSH.recallLocks`: another session asks for a lock, so the delegation shall be given back. */
export const lockRecall = record({ inodeId: int, delegation: int })

export const LOCK_METHODS: readonly Method<unknown, unknown>[] = [
  openLocks,
  lock,
  unlock,
  testLock,
  cancelLock,
  returnLocks,
  restoreLocks,
  renewLocks,
  closeLocks,
  declareOpens,
]
