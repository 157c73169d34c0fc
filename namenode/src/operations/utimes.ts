/** utimes: access and modification times. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { utimes as method } from '@hopbine/common/protocol/metadata.ts'
import { maySetTimes } from '@hopbine/common/rules/permission.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { aclOf, callerOf, requireOwner } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { plainWrite } from './operation.ts'

const NANOS_MAX = 999_999_999

export const utimes = plainWrite(method, (tx, context, { path, atime, mtime }) => {
  for (const time of [atime, mtime]) {
    if (time !== undefined && time.nanos > NANOS_MAX) throw new FsError('INVALID_ARGUMENT', 'nanoseconds')
  }
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, path, true)
  const row = rowOf(tx, target)
  const mayWrite = maySetTimes(caller, row.mode, row.ownerId, row.groupId, aclOf(tx, row))
  if (!mayWrite) requireOwner(caller, row.ownerId, row.name)
  if (atime !== undefined) {
    row.atime = atime.seconds
    row.atimeNs = atime.nanos
  }
  if (mtime !== undefined) {
    row.mtime = mtime.seconds
    row.mtimeNs = mtime.nanos
  }
  if (mtime !== undefined && target.row === undefined) {
    tx.directories.mtime[target.slot] = mtime.seconds
    tx.directories.mtimeNs[target.slot] = mtime.nanos
  }
  saveAttributes(tx, context, target, row, 'utimes')
  return { status: statusOf(tx, target) }
})
