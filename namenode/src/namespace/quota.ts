/**
 * Quotas: a directory may limit the names below it (itself included) and the bytes with their copies. Checked
 * before a write on every directory above the change, so that none is ever exceeded, not by one.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import type { Room } from '../store/quota-reserves.ts'
import type { Tx } from '../store/tx.ts'

/**
 * Throws unless `names` and `diskBytes` more fit under `slot` and everything above it, up to but without
 * `until`. LEASED: they would, but for what queues of directory leases have set aside.
 */
export function requireRoom(tx: Tx, slot: number, names: number, diskBytes: number, until = -1): void {
  if (names <= 0 && diskBytes <= 0) return
  const { nameQuota, spaceQuota, parent } = tx.directories
  let leased = -1
  for (let at = slot; at >= 0 && at !== until; at = parent[at] as number) {
    if (nameQuota[at] === NO_QUOTA && spaceQuota[at] === NO_QUOTA) continue
    const reserved = tx.leases.reserves.within(at)
    if (names > 0 && requireNames(tx, at, names) < reserved.names) leased = at
    if (diskBytes > 0 && requireSpace(tx, at, diskBytes) < reserved.diskBytes) leased = at
  }
  if (leased >= 0) throw leasedBelow(tx, leased, 'what its quota leaves is set aside')
}

/** The caller waits until no directory at or below this one is leased. */
export function leasedBelow(tx: Tx, slot: number, why: string): FsError {
  const inodeId = tx.directories.id[slot] as number
  return new FsError('LEASED', `directories below ${tx.directories.pathOf(slot)} are leased: ${why}`, {
    inodeId,
  })
}

/** What may still be added below a directory, with what is set aside counted as used; may be below zero. */
export function roomLeft(tx: Tx, slot: number): Room {
  const { nameQuota, spaceQuota, diskBytes, parent } = tx.directories
  let [names, bytes] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
  for (let at = slot; at >= 0; at = parent[at] as number) {
    if (nameQuota[at] === NO_QUOTA && spaceQuota[at] === NO_QUOTA) continue
    const reserved = tx.leases.reserves.within(at)
    if (nameQuota[at] !== NO_QUOTA) {
      names = Math.min(names, (nameQuota[at] as number) - namesUsed(tx, at) - reserved.names)
    }
    if (spaceQuota[at] !== NO_QUOTA) {
      bytes = Math.min(bytes, (spaceQuota[at] as number) - (diskBytes[at] as number) - reserved.diskBytes)
    }
  }
  return { names, diskBytes: bytes }
}

/** Names that count against a directory's quota: all below it, and itself. */
export function namesUsed(tx: Tx, slot: number): number {
  return (tx.directories.files[slot] as number) + (tx.directories.directories[slot] as number) + 1
}

/** Answers what is left then. */
function requireNames(tx: Tx, slot: number, names: number): number {
  const quota = tx.directories.nameQuota[slot] as number
  const used = namesUsed(tx, slot)
  if (quota === NO_QUOTA) return Number.POSITIVE_INFINITY
  if (used + names <= quota) return quota - used - names
  const where = tx.directories.pathOf(slot)
  throw new FsError(
    'NAME_QUOTA_EXCEEDED',
    `the names quota of ${where} is ${quota}, ${used} are used and ${names} more were asked`,
    { quota, used, directory: where },
  )
}

/** Answers what is left then. */
function requireSpace(tx: Tx, slot: number, diskBytes: number): number {
  const quota = tx.directories.spaceQuota[slot] as number
  const used = tx.directories.diskBytes[slot] as number
  if (quota === NO_QUOTA) return Number.POSITIVE_INFINITY
  if (used + diskBytes <= quota) return quota - used - diskBytes
  const where = tx.directories.pathOf(slot)
  throw new FsError(
    'SPACE_QUOTA_EXCEEDED',
    `the space quota of ${where} is ${quota} bytes, ${used} are used and ${diskBytes} more were asked`,
    { quota, used, directory: where },
  )
}

/** The deepest directory that is above both (or one of them), or -1. */
export function commonAncestor(tx: Tx, a: number, b: number): number {
  const above = new Set<number>()
  for (let at = a; at >= 0; at = tx.directories.parent[at] as number) above.add(at)
  for (let at = b; at >= 0; at = tx.directories.parent[at] as number) if (above.has(at)) return at
  return -1
}
