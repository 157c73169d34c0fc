/**
 * What one owner holds in one file, as a sorted list of pieces without overlaps, in which neighbours of one
 * type are one piece. Pure.
 */

export const LOCK_TYPE = { read: 0, write: 1 } as const
export type LockType = (typeof LOCK_TYPE)[keyof typeof LOCK_TYPE]

/** Last byte of a lock that goes to the end of the file, however long it becomes. */
export const LOCK_END = Number.MAX_SAFE_INTEGER

export interface LockRange {
  /** First byte. */
  readonly start: number
  /** Last byte, `LOCK_END` for all that follow. */
  readonly end: number
}

export interface LockPiece extends LockRange {
  readonly type: LockType
  /** Process that asked, as its own machine counts them. */
  readonly pid: number
}

export function overlaps(a: LockRange, b: LockRange): boolean {
  return a.start <= b.end && b.start <= a.end
}

/** The list after the range was unlocked. */
export function without(pieces: readonly LockPiece[], range: LockRange): LockPiece[] {
  const left: LockPiece[] = []
  for (const piece of pieces) {
    if (!overlaps(piece, range)) {
      left.push(piece)
      continue
    }
    if (piece.start < range.start) left.push({ ...piece, end: range.start - 1 })
    if (piece.end > range.end) left.push({ ...piece, start: range.end + 1 })
  }
  return left
}

/** The list after the range was locked in the piece's type, whatever it was before. */
export function withPiece(pieces: readonly LockPiece[], added: LockPiece): LockPiece[] {
  const all = without(pieces, added)
  const at = all.findIndex(piece => piece.start > added.start)
  all.splice(at < 0 ? all.length : at, 0, added)
  const merged: LockPiece[] = []
  for (const piece of all) {
    const last = merged.at(-1)
    if (last !== undefined && last.type === piece.type && last.end + 1 === piece.start) {
      merged[merged.length - 1] = { ...last, end: piece.end, pid: added.pid }
    } else {
      merged.push(piece)
    }
  }
  return merged
}

/** The parts of the pieces that lie in the range. */
export function within(pieces: readonly LockPiece[], range: LockRange): LockPiece[] {
  return pieces
    .filter(piece => overlaps(piece, range))
    .map(piece => ({
      ...piece,
      start: Math.max(piece.start, range.start),
      end: Math.min(piece.end, range.end),
    }))
}
