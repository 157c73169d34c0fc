/**
 * chown: owner and group of one inode. Only a superuser gives files away; an owner may choose among his
 * groups.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { IDENTITY_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { chown as method } from '@hopbine/common/protocol/metadata.ts'
import { chownMode, chownProblem } from '@hopbine/common/rules/permission.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { callerOf, requireOwner } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { plainWrite } from './operation.ts'

export const chown = plainWrite(method, (tx, context, { path, owner, group }) => {
  for (const name of [owner, group]) {
    if (name === '' || (name !== undefined && Buffer.byteLength(name) > IDENTITY_BYTES_MAX)) {
      throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(name)} cannot be a user or group`)
    }
  }
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, path, true)
  const row = rowOf(tx, target)
  requireRight(tx, context, row, owner, group)
  row.mode = chownMode(caller, row.kind, row.groupId, row.mode)
  if (owner !== undefined) row.ownerId = tx.identities.intern(owner)
  if (group !== undefined) row.groupId = tx.identities.intern(group)
  saveAttributes(tx, context, target, row, 'chown')
  return { status: statusOf(tx, target) }
})

function requireRight(
  tx: Tx,
  context: CommandContext,
  row: EntryRow,
  owner: string | undefined,
  group: string | undefined,
): void {
  if (context.superuser) return
  requireOwner(callerOf(tx, context), row.ownerId, row.name)
  // By names: a group that owns nothing yet has no number.
  const [oldOwner, oldGroup] = [tx.identities.nameOf(row.ownerId), tx.identities.nameOf(row.groupId)]
  const problem = chownProblem(context, oldOwner, oldGroup, owner, group)
  if (problem === 'gives-away') {
    throw new FsError('NOT_PERMITTED', 'only a superuser may give a file to another owner')
  }
  if (problem === 'not-a-member') {
    throw new FsError('NOT_PERMITTED', `the caller is not a member of group ${group}`)
  }
}
