/**
 * Quotas: a directory may limit the names below it (itself included) and the bytes with their copies. Checked
 * before a write on every directory above the change, so that none is ever exceeded, not by one.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import type { Room } from '../store/quota-reserves.ts'
import type { Tx } from '../store/tx.ts'
import { leasesWithin } from './directory-leases.ts'

/**
 * Throws unless `names` and `diskBytes` more fit under `slot` and everything above it, up to but without
 * `until`. LEASED while directories there are leased: what is set aside for them may be free, and what their
 * mounts have removed is not counted yet.
 */
export function requireRoom(tx: Tx, slot: number, names: number, diskBytes: number, until = -1): void {
  if (names <= 0 && diskBytes <= 0) return
  const { nameQuota, spaceQuota, parent } = tx.directories
  for (let at = slot; at >= 0 && at !== until; at = parent[at] as number) {
    if (names > 0 && nameQuota[at] !== NO_QUOTA) requireNames(tx, at, names)
    if (diskBytes > 0 && spaceQuota[at] !== NO_QUOTA) requireSpace(tx, at, diskBytes)
  }
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

function requireNames(tx: Tx, slot: number, names: number): void {
  const quota = tx.directories.nameQuota[slot] as number
  const used = namesUsed(tx, slot)
  if (used + tx.leases.reserves.within(slot).names + names <= quota) return
  const where = tx.directories.pathOf(slot)
  const message = `the names quota of ${where} is ${quota}, ${used} are used and ${names} more were asked`
  if (leasesWithin(tx, slot).length > 0) throw leasedBelow(tx, slot, message)
  throw new FsError('NAME_QUOTA_EXCEEDED', message, { quota, used, directory: where })
}

function requireSpace(tx: Tx, slot: number, diskBytes: number): void {
  const quota = tx.directories.spaceQuota[slot] as number
  const used = tx.directories.diskBytes[slot] as number
  if (used + tx.leases.reserves.within(slot).diskBytes + diskBytes <= quota) return
  const where = tx.directories.pathOf(slot)
  const message =
    `the space quota of ${where} is ${quota} bytes, ` + `${used} are used and ${diskBytes} more were asked`
  if (leasesWithin(tx, slot).length > 0) throw leasedBelow(tx, slot, message)
  throw new FsError('SPACE_QUOTA_EXCEEDED', message, { quota, used, directory: where })
}

/** The deepest directory that is above both (or one of them), or -1. */
export function commonAncestor(tx: Tx, a: number, b: number): number {
  const above = new Set<number>()
  for (let at = a; at >= 0; at = tx.directories.parent[at] as number) above.add(at)
  for (let at = b; at >= 0; at = tx.directories.parent[at] as number) if (above.has(at)) return at
  return -1
}
