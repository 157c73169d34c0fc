/** chmod: permission bits of one inode; what is below a directory is not touched. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { chmod as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { callerOf, requireOwner, SET_GID } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { plainWrite } from './operation.ts'

const MODE_MAX = 0o7777

export const chmod = plainWrite(method, (tx, context, { path, mode }) => {
  if (mode > MODE_MAX) throw new FsError('INVALID_ARGUMENT', `mode ${mode.toString(8)} is over 7777`)
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, path, true)
  const row = rowOf(tx, target)
  requireOwner(caller, row.ownerId, row.name)
  // Nobody may lend a group's rights that he does not have himself.
  const isOutsider = !caller.superuser && !caller.groupIds.includes(row.groupId)
  row.mode = isOutsider && row.kind !== KIND.directory ? mode & ~SET_GID : mode
  saveAttributes(tx, context, target, row, 'chmod')
  return { status: statusOf(tx, target) }
})
