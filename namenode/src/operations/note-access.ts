/** noteAccess: files were read; their access times follow. It is no change that anyone is told of. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { ACCESSES_MAX } from '@hopbine/common/base/limits.ts'
import { noteAccess as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { movesAccessTime } from '@hopbine/common/rules/access-time.ts'
import { grants, isOwner, READ } from '@hopbine/common/rules/permission.ts'
import { aclOf, callerOf } from '../namespace/permission.ts'
import { plainWrite } from './operation.ts'

const NANOS_MAX = 999_999_999

export const noteAccess = plainWrite(method, (tx, context, { accesses }) => {
  if (accesses.length > ACCESSES_MAX) throw new FsError('INVALID_ARGUMENT', `more than ${ACCESSES_MAX} files`)
  if (accesses.some(({ nanos }) => nanos > NANOS_MAX)) throw new FsError('INVALID_ARGUMENT', 'nanoseconds')
  const caller = callerOf(tx, context)
  for (const { inodeId, seconds, nanos } of accesses) {
    const row = tx.entries.findId(inodeId)
    if (row?.kind !== KIND.file || !movesAccessTime(row, seconds, nanos)) continue
    const mayRead = grants(caller, row.mode, row.ownerId, row.groupId, READ, aclOf(tx, row))
    if (!mayRead && !isOwner(caller, row.ownerId)) continue
    // Nobody reads in the future, whatever the clock of a mount says.
    const isAhead = seconds > context.seconds || (seconds === context.seconds && nanos > context.nanos)
    row.atime = isAhead ? context.seconds : seconds
    row.atimeNs = isAhead ? context.nanos : nanos
    tx.entries.update(row)
  }
  return {}
})
