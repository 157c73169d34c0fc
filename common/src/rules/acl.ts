/**
 * POSIX access control lists (IEEE 1003.1e draft 17; acl(5)) as values. Owner, mask and others are the nine
 * bits of a mode; an ACL holds what bits cannot: named users, named groups, and the owning group's own
 * rights, since the middle bits are the mask where there is an ACL. Pure, for any form of identity.
 */

const RIGHTS_BITS = 0o777

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

/** A whole ACL. Without `acl` the middle bits are the group's rights, with it they are the mask. */
export interface FullAcl<Id> {
  /** 0 … 0o777. */
  readonly bits: number
  readonly acl: Acl<Id> | undefined
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
  const limited = (mode >> 3) & wanted
  for (const { id, rights } of acl.users) if (id === user) return (rights & limited) === wanted
  let isNamed = false
  if (memberOf.includes(group)) {
    if ((acl.groupRights & limited) === wanted) return true
    isNamed = true
  }
  for (const { id, rights } of acl.groups) {
    if (!memberOf.includes(id)) continue
    if ((rights & limited) === wanted) return true
    isNamed = true
  }
  return !isNamed && (mode & wanted) === wanted
}

/**
 * Mode of what is made in a directory with a default ACL: no more than that grants, and no more than was
 * asked for; the umask does not count. The new inode's access ACL is the default one's `acl`; a directory
 * also gets the default ACL itself.
 */
export function inheritedMode(defaultAcl: FullAcl<unknown>, mode: number): number {
  return mode & (defaultAcl.bits | ~RIGHTS_BITS)
}

/** The same ACL with each user and group in another form. */
export function mapAcl<From, To>(acl: Acl<From>, map: (id: From) => To): Acl<To> {
  const mapped = (list: readonly NamedRights<From>[]): NamedRights<To>[] =>
    list.map(({ id, rights }) => ({ id: map(id), rights }))
  return { users: mapped(acl.users), groupRights: acl.groupRights, groups: mapped(acl.groups) }
}
