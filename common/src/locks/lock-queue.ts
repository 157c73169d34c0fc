/**
 * The locks of one kind on one inode: who holds what, and who waits, in order of arrival. It knows nothing of
 * other inodes. Pure.
 */
import { LOCK_TYPE, type LockPiece, type LockRange, overlaps, without, withPiece } from './lock-pieces.ts'

export const LOCK_KIND = { posix: 0, flock: 1 } as const
export type LockKind = (typeof LOCK_KIND)[keyof typeof LOCK_KIND]

/** What is locked: one inode, in one of the two kinds that know nothing of each other. */
export interface LockPlace {
  readonly inodeId: number
  readonly kind: LockKind
}

/** A piece and the key of its owner. */
export interface HeldLock extends LockPiece {
  readonly owner: string
}

export interface Waiter {
  readonly place: LockPlace
  readonly wanted: HeldLock
  /** It no longer lets waiters that came before it go first. */
  insists: boolean
  /** How it ended; undefined while it waits. */
  end: WaitEnd | undefined
  /** Called once, within the call that ends the wait; it must not call the table. */
  readonly settled: (end: WaitEnd) => void
}

export type WaitEnd = 'granted' | 'deadlock' | 'cancelled'

export class LockQueue {
  readonly held = new Map<string, readonly LockPiece[]>()
  readonly waiters: Waiter[] = []

  get isEmpty(): boolean {
    return this.held.size === 0 && this.waiters.length === 0
  }

  /** A piece of another owner that keeps this one from being granted: the first by position. */
  conflict(wanted: HeldLock): HeldLock | undefined {
    let first: HeldLock | undefined
    for (const found of this.conflicts(wanted)) {
      if (first === undefined || found.start < first.start) first = found
    }
    return first
  }

  *conflicts(wanted: HeldLock): Generator<HeldLock> {
    for (const [owner, pieces] of this.held) {
      if (owner === wanted.owner) continue
      const piece = pieces.find(held => excludes(held, wanted))
      if (piece !== undefined) yield { ...piece, owner }
    }
  }

  /** Whether one of the first `before` waiters asks for what excludes this one. */
  isBehind(wanted: HeldLock, before: number): boolean {
    return this.waiters
      .slice(0, before)
      .some(({ wanted: earlier }) => earlier.owner !== wanted.owner && excludes(earlier, wanted))
  }

  /** Puts the piece in place of what the owner held there; answers by how many pieces that is more. */
  assign({ owner, ...piece }: HeldLock): number {
    const before = this.held.get(owner) ?? []
    const after = withPiece(before, piece)
    this.held.set(owner, after)
    return after.length - before.length
  }

  /** Answers by how many pieces the owner has more: splitting adds one. */
  release(owner: string, range: LockRange): number {
    const before = this.held.get(owner)
    if (before === undefined) return 0
    const after = without(before, range)
    if (after.length === 0) this.held.delete(owner)
    else this.held.set(owner, after)
    return after.length - before.length
  }

  all(): HeldLock[] {
    const locks: HeldLock[] = []
    for (const [owner, pieces] of this.held) for (const piece of pieces) locks.push({ ...piece, owner })
    return locks
  }
}

function excludes(a: LockPiece, b: LockPiece): boolean {
  return overlaps(a, b) && (a.type === LOCK_TYPE.write || b.type === LOCK_TYPE.write)
}
