/** Pieces of locks as messages, and what must hold for them. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { LOCK_END, LOCK_TYPE, type LockType } from '@hopbine/common/locks/lock-pieces.ts'
import { type HeldLock, LOCK_KIND, type LockKind, type LockPlace } from '@hopbine/common/locks/lock-queue.ts'
import type { LockPieceMessage } from '@hopbine/common/protocol/locks.ts'
import { type LockSession, ownerOf } from './lock-session.ts'

/** Longest name of an owner, in characters. */
const OWNER_MAX = 64

/** Throws INVALID_ARGUMENT for what no lock can be. */
export function requirePiece({ kind, owner, type, start, end }: LockPieceMessage): void {
  const isKnown = kind <= LOCK_KIND.flock && type <= LOCK_TYPE.write
  const isRange = start >= 0 && start <= end && end <= LOCK_END
  if (isKnown && isRange && owner !== '' && owner.length <= OWNER_MAX) return
  throw new FsError('INVALID_ARGUMENT', `no lock: kind ${kind}, type ${type}, bytes ${start} to ${end}`)
}

export function placeOf(inodeId: number, kind: number): LockPlace {
  return { inodeId, kind: kind as LockKind }
}

export function heldOf(session: LockSession, piece: LockPieceMessage): HeldLock {
  const { owner, type, start, end, pid } = piece
  return { owner: session.key(owner), type: type as LockType, start, end, pid }
}

export function messageOf({ kind, lock }: { kind: LockKind; lock: HeldLock }): LockPieceMessage {
  const { owner, type, start, end, pid } = lock
  return { kind, owner: ownerOf(owner), type, start, end, pid }
}
