/** removeXattr: takes an extended attribute away. */
import { removeXattr as method } from '@hopbine/common/protocol/metadata.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { noXattr, requireWritableXattr } from '../namespace/xattr-rules.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { plainWrite } from './operation.ts'

export const removeXattr = plainWrite(
  method,
  (tx, context, { path, name }) => {
    const caller = callerOf(tx, context)
    const target = resolveTarget(tx, caller, path, true)
    const row = rowOf(tx, target)
    requireWritableXattr(tx, caller, row, name)
    if (!tx.xattrs.delete(row.id, name)) throw noXattr(name)
    if (tx.xattrs.names(row.id).length === 0) row.flags &= ~ENTRY_FLAG.xattrs
    saveAttributes(tx, context, target, row, 'removeXattr')
    return {}
  },
  { frees: true },
)
