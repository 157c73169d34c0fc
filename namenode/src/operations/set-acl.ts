/** setAcl: access and default ACL of one inode; what is below a directory is not touched. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { setAcl as method, SET_ACL } from '@hopbine/common/protocol/acl.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { aclMode } from '@hopbine/common/rules/permission.ts'
import { changedAcls, numbered } from '../namespace/acl.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { callerOf, requireOwner } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { plainWrite } from './operation.ts'

const RIGHTS_BITS = 0o777

export const setAcl = plainWrite(method, (tx, context, request) => {
  if (request.how > SET_ACL.base) throw new FsError('INVALID_ARGUMENT', `way ${request.how} is unknown`)
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, request.path, true)
  const row = rowOf(tx, target)
  if (row.kind === KIND.symlink) throw new FsError('UNSUPPORTED', 'a symbolic link has no ACL')
  requireOwner(caller, row.ownerId, row.name)
  const { access, byDefault } = changedAcls(tx, row, request)
  if (byDefault !== undefined && row.kind !== KIND.directory) {
    throw new FsError('INVALID_ARGUMENT', 'only directories have a default ACL')
  }
  // An ACL that is taken away leaves the mode as it is.
  const givesAccess = (request.access ?? []).length > 0 || request.how === SET_ACL.base
  if (givesAccess) row.mode = aclMode(caller, row.groupId, (row.mode & ~RIGHTS_BITS) | access.bits)
  row.flags &= ~(ENTRY_FLAG.accessAcl | ENTRY_FLAG.defaultAcl)
  if (access.acl !== undefined) row.flags |= ENTRY_FLAG.accessAcl
  if (byDefault !== undefined) row.flags |= ENTRY_FLAG.defaultAcl
  tx.acls.setAccess(row.id, access.acl === undefined ? undefined : numbered(tx, access.acl))
  tx.acls.setDefault(
    row.id,
    byDefault && { bits: byDefault.bits, acl: byDefault.acl && numbered(tx, byDefault.acl) },
  )
  saveAttributes(tx, context, target, row, 'setAcl')
  return { status: statusOf(tx, target) }
})
