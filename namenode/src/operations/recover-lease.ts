/** recoverLease: closes a file whose writer fell silent, at what it had committed. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { recoverLease as method } from '@hopbine/common/protocol/metadata.ts'
import { WRITE } from '@hopbine/common/rules/permission.ts'
import { list, record, text } from '@hopbine/common/wire/codec.ts'
import { closeFile } from '../namespace/lease.ts'
import { callerOf, requireAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { write } from './operation.ts'

export const recoverLease = write({
  method,
  command: record({ request: method.request, silent: list(text) }),
  prepare: (request, context) => ({ request, silent: context.silentSessions() }),
  apply(tx, context, { request, silent }) {
    const { path } = request
    const caller = callerOf(tx, context)
    const { row } = resolveTarget(tx, caller, path, true)
    if (row === undefined) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
    requireAccess(tx, caller, row, WRITE)
    const holder = tx.sessions.holderOf(row.id)
    if (holder !== '' && !silent.includes(holder)) return { closed: false }
    closeFile(tx, context, row)
    return { closed: true }
  },
})
