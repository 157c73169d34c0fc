/** setReplication: how many copies of a file's blocks are wanted; counts at once against space quotas. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { REPLICATION_MAX } from '@hopbine/common/base/limits.ts'
import { setReplication as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { WRITE } from '@hopbine/common/rules/permission.ts'
import { saveAttributes } from '../namespace/attributes.ts'
import { addBytes, requireRoomForBytes } from '../namespace/links.ts'
import { callerOf, requireAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { plainWrite } from './operation.ts'

export const setReplication = plainWrite(method, (tx, context, { path, replication }) => {
  if (replication < 1 || replication > REPLICATION_MAX) {
    throw new FsError('INVALID_ARGUMENT', `replication ${replication} is not in 1..${REPLICATION_MAX}`)
  }
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, path, true)
  const { row } = target
  if (row === undefined) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
  if (row.kind !== KIND.file) throw new FsError('INVALID_ARGUMENT', `${path} is not a file`, { path })
  requireAccess(tx, caller, row, WRITE)
  const diskBytes = row.size * (replication - row.replication)
  requireRoomForBytes(tx, row, diskBytes)
  row.replication = replication
  addBytes(tx, row, 0, diskBytes)
  saveAttributes(tx, context, target, row, 'setReplication')
  return { status: statusOf(tx, target) }
})
