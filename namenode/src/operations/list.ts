/** list: one page of a directory, in byte order of names. */
import { LIST_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { list_ as method } from '@hopbine/common/protocol/metadata.ts'
import { callerOf, EXECUTE, READ, requireDirectoryAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { read } from './operation.ts'

export const list = read({
  method,
  query(tx, { path, after, max }, context) {
    const caller = callerOf(tx, context.principal)
    const target = resolveTarget(tx, caller, path, true)
    if (target.row !== undefined) {
      const single = after === '' ? [statusOfRow(tx, target.row)] : []
      return { entries: single, more: false }
    }
    requireDirectoryAccess(tx, caller, target.slot, READ | EXECUTE)
    const limit = Math.min(max === 0 ? LIST_PAGE_MAX : max, LIST_PAGE_MAX)
    const rows = tx.entries.page(tx.directories.id[target.slot] as number, after, limit + 1)
    const more = rows.length > limit
    if (more) rows.pop()
    return { entries: rows.map(row => statusOfRow(tx, row)), more }
  },
})
