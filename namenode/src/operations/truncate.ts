/** truncate: a file's size, cutting its end off or growing it by a hole. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { truncate as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { WRITE } from '@hopbine/common/rules/permission.ts'
import { list, record, text } from '@hopbine/common/wire/codec.ts'
import { cutContent, releaseUnusedBlocks } from '../namespace/content.ts'
import { resizeFile, touchContent } from '../namespace/entries.ts'
import { endLease, requireTakeable } from '../namespace/lease.ts'
import { requireRoomForBytes } from '../namespace/links.ts'
import { callerOf, requireAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { write } from './operation.ts'

export const truncate = write({
  method,
  command: record({ request: method.request, silent: list(text) }),
  prepare: (request, context) => ({ request, silent: context.silentSessions() }),
  apply(tx, context, { request, silent }) {
    const caller = callerOf(tx, context)
    const { path, size } = request
    if (size < 0 || size > FILE_BYTES_MAX)
      throw new FsError('INVALID_ARGUMENT', `size ${size} is out of range`)
    const { row } = resolveTarget(tx, caller, path, true)
    if (row === undefined) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
    if (row.kind !== KIND.file) throw new FsError('INVALID_ARGUMENT', `${path} is not a file`, { path })
    requireAccess(tx, caller, row, WRITE)
    const own = tx.sessions.holderOf(row.id) === context.clientId
    if (!own) requireTakeable(tx, row, silent)
    requireRoomForBytes(tx, row, (size - row.size) * row.replication)
    if (!own) endLease(tx, context, row)
    cut(tx, context, row, size)
    tx.entries.updateContent(row)
    const { id, parentId, name, kind } = row
    tx.changed(context, { what: 'truncate', inodeId: id, parentId, name, kind, size })
    return { status: statusOfRow(tx, row) }
  },
})

function cut(tx: Tx, context: CommandContext, row: EntryRow, size: number): void {
  if (size < row.size) {
    cutContent(tx, row, size)
    // An open block may still be written into by its writer; the others are done with.
    if ((row.flags & ENTRY_FLAG.open) === 0) releaseUnusedBlocks(tx, context, row.id)
  }
  resizeFile(tx, row, size)
  touchContent(context, row)
}
