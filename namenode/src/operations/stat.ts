/** stat: attributes of one path. */
import { stat as method } from '@hopbine/common/protocol/metadata.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { read } from './operation.ts'

export const stat = read({
  method,
  query(tx, { path, followLast }, context) {
    const target = resolveTarget(tx, callerOf(tx, context.principal), path, followLast)
    return { status: statusOf(tx, target) }
  },
})
