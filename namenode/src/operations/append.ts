/** append: takes the write lease of an existing file, to write at any offset. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { append as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { WRITE } from '@hopbine/common/rules/permission.ts'
import { list, record, text } from '@hopbine/common/wire/codec.ts'
import { beginLease, endLease, requireTakeable } from '../namespace/lease.ts'
import { callerOf, requireAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { write } from './operation.ts'

export const append = write({
  method,
  command: record({ request: method.request, silent: list(text) }),
  prepare: (request, context) => ({ request, silent: context.silentSessions() }),
  apply(tx, context, { request, silent }) {
    const caller = callerOf(tx, context)
    const { path } = request
    const { row } = resolveTarget(tx, caller, path, true)
    if (row === undefined) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
    if (row.kind !== KIND.file) throw new FsError('INVALID_ARGUMENT', `${path} is not a file`, { path })
    requireAccess(tx, caller, row, WRITE)
    requireTakeable(tx, row, silent)
    endLease(tx, context, row)
    row.flags |= ENTRY_FLAG.open
    row.generation += 1
    tx.entries.updateContent(row)
    beginLease(tx, context, row, false)
    return { status: statusOfRow(tx, row) }
  },
})
