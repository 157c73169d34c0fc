/**
 * Who may do what, and what owner, group and mode a new or changed inode gets (IEEE 1003.1, 4.5 File Access
 * Permissions; 4.3 Directory Protection). Pure, and the same for the namenode, which compares identities by
 * number, and for a mount that decides locally, which compares them by name. Nothing here allocates.
 */
import { KIND } from '../protocol/types.ts'
import { type Acl, aclGrants } from './acl.ts'

export const READ = 4
export const WRITE = 2
export const EXECUTE = 1
export const SET_UID = 0o4000
export const SET_GID = 0o2000
export const STICKY = 0o1000
export const GROUP_EXECUTE = 0o010
/** Every bit that a mode may have. */
export const MODE_BITS = 0o7777

/** Who asks; a `Principal` is one whose identities are names. */
export interface Caller<Id> {
  readonly user: Id
  /** Every group, the primary one first. May be empty for a superuser, who is not asked. */
  readonly groups: readonly Id[]
  /** Passes every check. */
  readonly superuser: boolean
}

/** True if the caller's class grants all of `wanted` (READ, WRITE and EXECUTE, summed). */
export function grants<Id>(
  caller: Caller<Id>,
  mode: number,
  owner: Id,
  group: Id,
  wanted: number,
  acl?: Acl<Id>,
): boolean {
  if (caller.superuser) return true
  if (caller.user === owner) return ((mode >> 6) & wanted) === wanted
  if (acl !== undefined) return aclGrants(acl, mode, group, caller.user, caller.groups, wanted)
  if (caller.groups.includes(group)) return ((mode >> 3) & wanted) === wanted
  return (mode & wanted) === wanted
}

/** Whether the caller may change what only an owner may: mode, ACL, times. */
export function isOwner<Id>(caller: Caller<Id>, owner: Id): boolean {
  return caller.superuser || caller.user === owner
}

/**
 * The sticky bit's part of taking a name out of a directory: only what is yours, or anything if the
 * directory is. Write and search permission on the directory is asked besides.
 */
export function passesSticky<Id>(
  caller: Caller<Id>,
  directoryMode: number,
  directoryOwner: Id,
  owner: Id,
): boolean {
  if (caller.superuser || (directoryMode & STICKY) === 0) return true
  return caller.user === owner || caller.user === directoryOwner
}

/** What is made in a directory with the set-gid bit gets that directory's group, else the maker's first. */
export function inheritsGroup(directoryMode: number): boolean {
  return (directoryMode & SET_GID) !== 0
}

/**
 * Mode of a new inode. A directory inherits the set-gid bit; nobody lends rights of a group that he is not
 * in (`isMember` is about the new inode's group) through a file. A umask or default ACL was applied before.
 */
export function newMode(kind: number, mode: number, directoryMode: number, isMember: boolean): number {
  if (kind === KIND.directory) return inheritsGroup(directoryMode) ? mode | SET_GID : mode
  return isMember ? mode : mode & ~SET_GID
}

/** Mode after chmod by an owner: a file's set-gid bit falls off outside its group. */
export function chmodMode<Id>(caller: Caller<Id>, kind: number, group: Id, mode: number): number {
  const isOutsider = !caller.superuser && !caller.groups.includes(group)
  return isOutsider && kind !== KIND.directory ? mode & ~SET_GID : mode
}

/** Mode after an owner set an ACL: as chmod, but that directories lose the bit too, as on Linux. */
export function aclMode<Id>(caller: Caller<Id>, group: Id, mode: number): number {
  return caller.superuser || caller.groups.includes(group) ? mode : mode & ~SET_GID
}

/** What chown by an owner may not do; undefined: it may. Absent new owner or group: as it is. */
export function chownProblem<Id>(
  caller: Caller<Id>,
  owner: Id,
  group: Id,
  newOwner: Id | undefined,
  newGroup: Id | undefined,
): 'gives-away' | 'not-a-member' | undefined {
  if (caller.superuser) return undefined
  if (newOwner !== undefined && newOwner !== owner) return 'gives-away'
  const isGroupKept = newGroup === undefined || newGroup === group
  if (!isGroupKept && !caller.groups.includes(newGroup)) return 'not-a-member'
  return undefined
}

/**
 * Mode of a file after someone without a privilege for set-id bits wrote or truncated it: they fall off, but
 * for a set-gid bit without execution by the group, which those in the group keep, as on Linux.
 */
export function writtenMode<Id>(groups: readonly Id[], group: Id, mode: number): number {
  const keepsGroup = (mode & GROUP_EXECUTE) === 0 && groups.includes(group)
  return mode & ~(keepsGroup ? SET_UID : SET_UID | SET_GID)
}

/** Mode after chown: as after a write, unless a superuser did it. `group` is the one before. */
export function chownMode<Id>(caller: Caller<Id>, kind: number, group: Id, mode: number): number {
  return caller.superuser || kind === KIND.directory ? mode : writtenMode(caller.groups, group, mode)
}

/** Whether the caller may set access and modification times: who may write, and the owner. */
export function maySetTimes<Id>(
  caller: Caller<Id>,
  mode: number,
  owner: Id,
  group: Id,
  acl?: Acl<Id>,
): boolean {
  return isOwner(caller, owner) || grants(caller, mode, owner, group, WRITE, acl)
}
