/**
 * Quotas: a directory may limit the names below it (itself included) and the bytes with their copies. Checked
 * before a write on every directory above the change, so that none is ever exceeded, not by one.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import type { Tx } from '../store/tx.ts'

/**
 * Throws unless `names` and `diskBytes` more fit under `slot` and everything above it, up to but without
 * `until`.
 */
export function requireRoom(tx: Tx, slot: number, names: number, diskBytes: number, until = -1): void {
  if (names <= 0 && diskBytes <= 0) return
  const { nameQuota, spaceQuota, parent } = tx.directories
  for (let at = slot; at >= 0 && at !== until; at = parent[at] as number) {
    if (names > 0 && nameQuota[at] !== NO_QUOTA) requireNames(tx, at, names)
    if (diskBytes > 0 && spaceQuota[at] !== NO_QUOTA) requireSpace(tx, at, diskBytes)
  }
}

/** Names that count against a directory's quota: all below it, and itself. */
export function namesUsed(tx: Tx, slot: number): number {
  return (tx.directories.files[slot] as number) + (tx.directories.directories[slot] as number) + 1
}

function requireNames(tx: Tx, slot: number, names: number): void {
  const quota = tx.directories.nameQuota[slot] as number
  const used = namesUsed(tx, slot)
  if (used + names <= quota) return
  const where = tx.directories.pathOf(slot)
  throw new FsError(
    'NAME_QUOTA_EXCEEDED',
    `the names quota of ${where} is ${quota}, ${used} are used and ${names} more were asked`,
    { quota, used, directory: where },
  )
}

function requireSpace(tx: Tx, slot: number, diskBytes: number): void {
  const quota = tx.directories.spaceQuota[slot] as number
  const used = tx.directories.diskBytes[slot] as number
  if (used + diskBytes <= quota) return
  const where = tx.directories.pathOf(slot)
  throw new FsError(
    'SPACE_QUOTA_EXCEEDED',
    `the space quota of ${where} is ${quota} bytes, ${used} are used and ${diskBytes} more were asked`,
    { quota, used, directory: where },
  )
}

/** The nearest directory at or above `slot` that has a quota, or -1. */
export function quotaRootOf(tx: Tx, slot: number): number {
  const { nameQuota, spaceQuota, parent } = tx.directories
  for (let at = slot; at >= 0; at = parent[at] as number) {
    if (nameQuota[at] !== NO_QUOTA || spaceQuota[at] !== NO_QUOTA) return at
  }
  return -1
}

/** The deepest directory that is above both (or one of them), or -1. */
export function commonAncestor(tx: Tx, a: number, b: number): number {
  const above = new Set<number>()
  for (let at = a; at >= 0; at = tx.directories.parent[at] as number) above.add(at)
  for (let at = b; at >= 0; at = tx.directories.parent[at] as number) if (above.has(at)) return at
  return -1
}
