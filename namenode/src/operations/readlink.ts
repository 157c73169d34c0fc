/** readlink: the target of a symbolic link, as it was written. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { readlink as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { read } from './operation.ts'

export const readlink = read({
  method,
  query(tx, { path }, context) {
    const { row } = resolveTarget(tx, callerOf(tx, context.principal), path, false)
    if (row?.kind !== KIND.symlink) throw new FsError('INVALID_ARGUMENT', `${path} is not a link`, { path })
    return { target: row.target as string }
  },
})
