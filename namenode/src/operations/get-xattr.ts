/** getXattr: the value of an extended attribute. */
import { getXattr as method } from '@hopbine/common/protocol/metadata.ts'
import { rowOf } from '../namespace/attributes.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { noXattr, requireReadableXattr } from '../namespace/xattr-rules.ts'
import { read } from './operation.ts'

export const getXattr = read({
  method,
  query(tx, { path, name }, context) {
    const caller = callerOf(tx, context.principal)
    const row = rowOf(tx, resolveTarget(tx, caller, path, true))
    requireReadableXattr(tx, caller, row, name)
    const value = tx.xattrs.get(row.id, name)
    if (value === undefined) throw noXattr(name)
    return { value }
  },
})
