/** Checks rows of `acl`: that flags tell who has some, and that they are ACLs. */
import { ACL_TAG } from '@hopbine/common/protocol/acl.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { ACL_SCOPE, ENTRY_FLAG } from './schema.ts'
import type { Tx } from './tx.ts'

const { userObj, user, groupObj, group, mask, other } = ACL_TAG
const SCOPES = [
  { name: 'access', scope: ACL_SCOPE.access, flag: ENTRY_FLAG.accessAcl },
  { name: 'default', scope: ACL_SCOPE.default, flag: ENTRY_FLAG.defaultAcl },
] as const

/** Counts of one inode's entries in one scope, by what they are about. */
interface Shape {
  readonly id: number
  readonly kind: number | null
  readonly base: number
  readonly groupObj: number
  readonly named: number
  readonly mask: number
  readonly wrong: number
}

export function checkAcls(tx: Tx, report: (problem: string) => void): void {
  for (const { name, scope, flag } of SCOPES) {
    const differing = tx.db
      .prepare<[number, number], number>(
        `SELECT id FROM entry
         WHERE (flags & ? <> 0) <> (id IN (SELECT inode_id FROM acl WHERE scope = ?))`,
      )
      .pluck()
    for (const id of differing.all(flag, scope)) report(`inode ${id}: its ${name} ACL and its flag disagree`)
    for (const shape of shapesOf(tx, scope)) {
      const isWhole = scope === ACL_SCOPE.access ? isAccessAcl(shape) : isDefaultAcl(shape)
      if (!isWhole) report(`inode ${shape.id}: the rows of its ${name} ACL make no ACL`)
    }
  }
}

function shapesOf(tx: Tx, scope: number): Shape[] {
  return tx.db
    .prepare<[number], Shape>(
      `SELECT inode_id AS id, e.kind AS kind,
         sum(tag IN (${userObj}, ${other})) AS base, sum(tag = ${groupObj}) AS groupObj,
         sum(tag IN (${user}, ${group})) AS named, sum(tag = ${mask}) AS mask,
         sum(rights NOT BETWEEN 0 AND 7
           OR tag NOT IN (${userObj}, ${user}, ${groupObj}, ${group}, ${mask}, ${other})
           OR (tag IN (${user}, ${group})) <> (identity_id IN (SELECT id FROM identity))
           OR (tag NOT IN (${user}, ${group}) AND identity_id <> 0)) AS wrong
       FROM acl LEFT JOIN entry e ON e.id = inode_id WHERE scope = ? GROUP BY inode_id ORDER BY inode_id`,
    )
    .all(scope)
}

/** Owner, mask and others are in the mode. */
function isAccessAcl(shape: Shape): boolean {
  return shape.wrong === 0 && shape.groupObj === 1 && shape.base === 0 && shape.mask === 0
}

function isDefaultAcl(shape: Shape): boolean {
  const isFull = shape.groupObj === 1 && shape.base === 2 && (shape.named === 0 || shape.mask === 1)
  return shape.wrong === 0 && isFull && shape.kind === KIND.directory
}
