/** chmod: permission bits of one inode; what is below a directory is not touched. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { chmod as method } from '@hopbine/common/protocol/metadata.ts'
import { chmodMode, MODE_BITS } from '@hopbine/common/rules/permission.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { callerOf, requireOwner } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { plainWrite } from './operation.ts'

export const chmod = plainWrite(method, (tx, context, { path, mode }) => {
  if (mode > MODE_BITS) throw new FsError('INVALID_ARGUMENT', `mode ${mode.toString(8)} is over 7777`)
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, path, true)
  const row = rowOf(tx, target)
  requireOwner(caller, row.ownerId, row.name)
  row.mode = chmodMode(caller, row.kind, row.groupId, mode)
  saveAttributes(tx, context, target, row, 'chmod')
  return { status: statusOf(tx, target) }
})
