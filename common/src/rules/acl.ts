/**
 * POSIX access control lists (IEEE 1003.1e draft 17; acl(5)) as values. Owner, mask and others are the nine
 * bits of a mode; an ACL holds what bits cannot: named users, named groups, and the owning group's own
 * rights, since the middle bits are the mask where there is an ACL. Pure, for any form of identity.
 */

/** Rights of one user or one group by name. */
export interface NamedRights<Id> {
  readonly id: Id
  /** 4 read, 2 write, 1 execute, summed; the mask is not applied. */
  readonly rights: number
}

/** What an access ACL adds to the bits of a mode. */
export interface Acl<Id> {
  readonly users: readonly NamedRights<Id>[]
  /** Of the owning group, without the mask. */
  readonly groupRights: number
  readonly groups: readonly NamedRights<Id>[]
}

/**
 * Whether an ACL grants `wanted` to somebody who is not the owner. A user's own entry alone decides; of
 * several groups one must grant all of it; others are asked only where nothing names the caller.
 */
export function aclGrants<Id>(
  acl: Acl<Id>,
  mode: number,
  group: Id,
  user: Id,
  memberOf: readonly Id[],
  wanted: number,
): boolean {
  const mask = (mode >> 3) & 7
  for (const { id, rights } of acl.users) if (id === user) return (rights & mask & wanted) === wanted
  let isNamed = false
  if (memberOf.includes(group)) {
    if ((acl.groupRights & mask & wanted) === wanted) return true
    isNamed = true
  }
  for (const { id, rights } of acl.groups) {
    if (!memberOf.includes(id)) continue
    if ((rights & mask & wanted) === wanted) return true
    isNamed = true
  }
  return !isNamed && (mode & wanted) === wanted
}
