/**
 * Statements on `acl`, one row an entry, with a bounded copy in memory of the ACLs that were used lately.
 * Whether an inode has one is a bit of its flags, so that nothing here is asked for those that have none.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { ACL_TAG } from '@hopbine/common/protocol/acl.ts'
import type { Acl, FullAcl, NamedRights } from '@hopbine/common/rules/acl.ts'
import type { Db } from '../database.ts'
import { ACL_SCOPE } from '../schema.ts'

/** ACLs of each of the two kinds that stay in memory: about 8 MB with a few entries each. */
const CACHED_MAX = 2 ** 15

type RawEntry = [tag: number, identityId: number, rights: number]

export class AclTable {
  readonly #select
  readonly #insert
  readonly #delete
  readonly #deleteAll
  readonly #access = new RecentMap<Acl<number>>(CACHED_MAX)
  readonly #default = new RecentMap<FullAcl<number>>(CACHED_MAX)

  constructor(db: Db) {
    this.#select = db
      .prepare<[number, number], RawEntry>(
        `SELECT tag, identity_id, rights FROM acl WHERE inode_id = ? AND scope = ? ORDER BY tag, identity_id`,
      )
      .raw()
    this.#insert = db.prepare('INSERT INTO acl VALUES (?, ?, ?, ?, ?)')
    this.#delete = db.prepare('DELETE FROM acl WHERE inode_id = ? AND scope = ?')
    this.#deleteAll = db.prepare('DELETE FROM acl WHERE inode_id = ?')
  }

  /** The access ACL of an inode whose flags say that it has one. */
  access(inodeId: number): Acl<number> {
    const kept = this.#access.get(inodeId)
    if (kept !== undefined) return kept
    const acl = aclOf(this.#select.all(inodeId, ACL_SCOPE.access))
    this.#access.set(inodeId, acl)
    return acl
  }

  /** The default ACL of a directory whose flags say that it has one. */
  default(inodeId: number): FullAcl<number> {
    const kept = this.#default.get(inodeId)
    if (kept !== undefined) return kept
    const full = fullAclOf(this.#select.all(inodeId, ACL_SCOPE.default))
    this.#default.set(inodeId, full)
    return full
  }

  /** The flag of the inode is the caller's, and so is its mode. */
  setAccess(inodeId: number, acl: Acl<number> | undefined): void {
    this.#delete.run(inodeId, ACL_SCOPE.access)
    this.#access.delete(inodeId)
    if (acl === undefined) return
    this.#insertAcl(inodeId, ACL_SCOPE.access, acl)
    this.#access.set(inodeId, acl)
  }

  /** The flag of the directory is the caller's. */
  setDefault(inodeId: number, full: FullAcl<number> | undefined): void {
    this.#delete.run(inodeId, ACL_SCOPE.default)
    this.#default.delete(inodeId)
    if (full === undefined) return
    const { bits, acl } = full
    const middle = (bits >> 3) & 7
    const put = (tag: number, rights: number) =>
      this.#insert.run(inodeId, ACL_SCOPE.default, tag, NOBODY, rights)
    put(ACL_TAG.userObj, bits >> 6)
    put(ACL_TAG.other, bits & 7)
    if (acl === undefined) put(ACL_TAG.groupObj, middle)
    else {
      put(ACL_TAG.mask, middle)
      this.#insertAcl(inodeId, ACL_SCOPE.default, acl)
    }
    this.#default.set(inodeId, full)
  }

  deleteAll(inodeId: number): void {
    this.#deleteAll.run(inodeId)
    this.#access.delete(inodeId)
    this.#default.delete(inodeId)
  }

  #insertAcl(inodeId: number, scope: number, { users, groupRights, groups }: Acl<number>): void {
    for (const { id, rights } of users) this.#insert.run(inodeId, scope, ACL_TAG.user, id, rights)
    this.#insert.run(inodeId, scope, ACL_TAG.groupObj, NOBODY, groupRights)
    for (const { id, rights } of groups) this.#insert.run(inodeId, scope, ACL_TAG.group, id, rights)
  }
}

/** `identity_id` of entries that name nobody. */
const NOBODY = 0

function aclOf(rows: readonly RawEntry[]): Acl<number> {
  const named = (wanted: number): NamedRights<number>[] =>
    rows.filter(([tag]) => tag === wanted).map(([, id, rights]) => ({ id, rights }))
  const groupRights = rightsOf(rows, ACL_TAG.groupObj)
  assert(groupRights !== undefined, 'an ACL has an entry of the owning group')
  return { users: named(ACL_TAG.user), groupRights, groups: named(ACL_TAG.group) }
}

function fullAclOf(rows: readonly RawEntry[]): FullAcl<number> {
  const acl = aclOf(rows)
  const [owner, other] = [rightsOf(rows, ACL_TAG.userObj), rightsOf(rows, ACL_TAG.other)]
  assert(owner !== undefined && other !== undefined, 'a default ACL has entries of owner and others')
  const mask = rightsOf(rows, ACL_TAG.mask)
  const bits = (owner << 6) | ((mask ?? acl.groupRights) << 3) | other
  return { bits, acl: mask === undefined ? undefined : acl }
}

function rightsOf(rows: readonly RawEntry[], wanted: number): number | undefined {
  return rows.find(([tag]) => tag === wanted)?.[2]
}

/** A map that forgets what was put in first when it is full. */
class RecentMap<V> {
  readonly #max: number
  readonly #values = new Map<number, V>()

  constructor(max: number) {
    this.#max = max
  }

  get(key: number): V | undefined {
    return this.#values.get(key)
  }

  set(key: number, value: V): void {
    if (this.#values.size >= this.#max && !this.#values.has(key)) {
      const { value: oldest } = this.#values.keys().next()
      if (oldest !== undefined) this.#values.delete(oldest)
    }
    this.#values.set(key, value)
  }

  delete(key: number): void {
    this.#values.delete(key)
  }
}
