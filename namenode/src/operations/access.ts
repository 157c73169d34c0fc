/** access: whether the caller may read, write or execute what is at a path; answers its attributes if so. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { access as method } from '@hopbine/common/protocol/metadata.ts'
import { EXECUTE, READ, WRITE } from '@hopbine/common/rules/permission.ts'
import { callerOf, requireAccess, requireDirectoryAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { read } from './operation.ts'

export const access = read({
  method,
  query(tx, { path, wanted }, context) {
    if (wanted > (READ | WRITE | EXECUTE))
      throw new FsError('INVALID_ARGUMENT', `access ${wanted} is unknown`)
    const caller = callerOf(tx, context.principal)
    const target = resolveTarget(tx, caller, path, true)
    if (target.row === undefined) requireDirectoryAccess(tx, caller, target.slot, wanted)
    else requireAccess(tx, caller, target.row, wanted)
    return { status: statusOf(tx, target) }
  },
})
