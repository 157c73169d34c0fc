/** Methods and values of POSIX ACLs. Their meaning is in common/rules/acl.ts. */
import { list, optional, record, text, u8, type ValueOf } from '../wire/codec.ts'
import { type Method, method } from './method.ts'
import { fileStatus } from './types.ts'

/** What an entry is about, in the numbers of Linux (linux/posix_acl.h). */
export const ACL_TAG = { userObj: 1, user: 2, groupObj: 4, group: 8, mask: 16, other: 32 } as const

export const aclEntry = record({
  /** One of `ACL_TAG`. */
  tag: u8,
  /** Of the user or group; empty for every other tag. */
  name: text,
  /** 4 read, 2 write, 1 execute or search, summed. */
  rights: u8,
})
export type AclEntry = ValueOf<typeof aclEntry>

/**
 * What `setAcl` does with the entries. `replace`: they become the ACL; none at all take it away and leave
 * the bits as they show. `modify`: they are added or get other rights. `remove`: those of the same tag and
 * name go. `base`: everything but the rights of owner, group and others goes, the default ACL too.
 */
export const SET_ACL = { replace: 0, modify: 1, remove: 2, base: 3 } as const

/**
 * Changes the access ACL, the default ACL of a directory, or both; an absent one stays. A mask that is
 * needed and not given is the union of what it limits; a default ACL takes missing entries of owner, group
 * and others from the bits. Owner or superuser only.
 */
export const setAcl = method(
  46,
  'setAcl',
  'write',
  1,
  record({
    path: text,
    how: u8,
    access: optional(list(aclEntry)),
    default: optional(list(aclEntry)),
  }),
  record({ status: fileStatus }),
)
/**
 * Both ACLs in the order of acl(5), names in byte order. An inode without an access ACL answers the three
 * entries that its bits stand for; one without a default ACL answers none.
 */
export const getAcl = method(
  47,
  'getAcl',
  'read',
  1,
  record({ path: text }),
  record({ status: fileStatus, access: list(aclEntry), default: list(aclEntry) }),
)

export const ACL_METHODS: readonly Method<unknown, unknown>[] = [setAcl, getAcl]
