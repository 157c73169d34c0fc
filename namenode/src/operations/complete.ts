/** complete: the last ranges, and the lease goes back. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { complete as method } from '@hopbine/common/protocol/metadata.ts'
import { cutExtents } from '../namespace/content.ts'
import { resizeFile, touchContent } from '../namespace/entries.ts'
import { endLease, requireLease } from '../namespace/lease.ts'
import { requireRoomForBytes } from '../namespace/links.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { takeExtents } from './commit-extents.ts'
import { plainWrite } from './operation.ts'

export const complete = plainWrite(method, (tx, context, { inodeId, extents, size, inline }) => {
  const row = requireLease(tx, context, inodeId)
  if (inline === undefined) takeExtents(tx, context, row, extents, size)
  else takeInline(tx, context, row, inline)
  endLease(tx, context, row)
  tx.entries.updateContent(row)
  const { parentId, name, kind } = row
  tx.changed(context, { what: 'complete', inodeId, parentId, name, kind, size: row.size })
  return { status: statusOfRow(tx, row) }
})

/** The whole content comes along: whatever the file had goes. */
export function takeInline(tx: Tx, context: CommandContext, row: EntryRow, inline: Uint8Array): void {
  if (inline.length > INLINE_BYTES_MAX) {
    throw new FsError('INVALID_ARGUMENT', `inline data has at most ${INLINE_BYTES_MAX} bytes`)
  }
  requireRoomForBytes(tx, row, (inline.length - row.size) * row.replication)
  // Extents end within the size.
  if (row.size > 0 && (row.flags & ENTRY_FLAG.inline) === 0) cutExtents(tx, row.id, 0)
  if (inline.length > 0) {
    tx.inline.set(row.id, inline)
    row.flags |= ENTRY_FLAG.inline
  } else if (row.flags & ENTRY_FLAG.inline) {
    tx.inline.delete(row.id)
    row.flags &= ~ENTRY_FLAG.inline
  }
  resizeFile(tx, row, inline.length)
  touchContent(context, row)
}
