/**
 * POSIX permission rules by numbers of users and groups (IEEE 1003.1, 4.5 File Access Permissions; 4.3
 * Directory Protection for the sticky bit). Pure: state in, yes or FsError out.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { Tx } from '../store/tx.ts'

export const READ = 4
export const WRITE = 2
export const EXECUTE = 1
export const SET_UID = 0o4000
export const SET_GID = 0o2000
export const STICKY = 0o1000

/** The caller by numbers; 0 stands for a name that owns nothing yet. */
export interface Caller {
  readonly userId: number
  readonly groupIds: readonly number[]
  readonly superuser: boolean
}

const NO_GROUPS: readonly number[] = []

export function callerOf(tx: Tx, principal: Principal): Caller {
  const { superuser } = principal
  const userId = tx.identities.find(principal.user)
  // A superuser's groups are never looked at on the way of a path.
  const groupIds = superuser ? NO_GROUPS : principal.groups.map(group => tx.identities.find(group))
  return { userId, groupIds, superuser }
}

/** True if the caller's class of permission bits grants all of `wanted`. */
export function grants(
  caller: Caller,
  mode: number,
  ownerId: number,
  groupId: number,
  wanted: number,
): boolean {
  if (caller.superuser) return true
  if (caller.userId === ownerId) return ((mode >> 6) & wanted) === wanted
  if (caller.groupIds.includes(groupId)) return ((mode >> 3) & wanted) === wanted
  return (mode & wanted) === wanted
}

export function requireDirectoryAccess(tx: Tx, caller: Caller, slot: number, wanted: number): void {
  if (caller.superuser) return
  const { mode, ownerId, groupId } = tx.directories
  const allowed = grants(
    caller,
    mode[slot] as number,
    ownerId[slot] as number,
    groupId[slot] as number,
    wanted,
  )
  if (!allowed) {
    throw new FsError(
      'ACCESS_DENIED',
      `no ${wantedText(wanted)} permission on ${tx.directories.pathOf(slot)}`,
    )
  }
}

export interface Owned {
  readonly mode: number
  readonly ownerId: number
  readonly groupId: number
  readonly name: string
}

export function requireAccess(caller: Caller, inode: Owned, wanted: number): void {
  if (!grants(caller, inode.mode, inode.ownerId, inode.groupId, wanted)) {
    throw new FsError('ACCESS_DENIED', `no ${wantedText(wanted)} permission on ${inode.name || '/'}`)
  }
}

export function requireOwner(caller: Caller, ownerId: number, name: string): void {
  if (caller.superuser || caller.userId === ownerId) return
  throw new FsError('NOT_PERMITTED', `only its owner may change ${name || '/'}`)
}

/**
 * Whether a name may be taken out of a directory: write and search, and in a sticky one only what is yours.
 */
export function requireRemovable(tx: Tx, caller: Caller, parent: number, ownerId: number): void {
  requireDirectoryAccess(tx, caller, parent, WRITE | EXECUTE)
  if (caller.superuser || ((tx.directories.mode[parent] as number) & STICKY) === 0) return
  if (caller.userId === ownerId || caller.userId === tx.directories.ownerId[parent]) return
  throw new FsError('NOT_PERMITTED', 'the directory is sticky: only the owner of an entry may remove it')
}

function wantedText(wanted: number): string {
  const names: string[] = []
  if (wanted & READ) names.push('read')
  if (wanted & WRITE) names.push('write')
  if (wanted & EXECUTE) names.push('search')
  return names.join(' and ')
}
