/** commitExtents: written ranges become part of a file that stays open. */
import { commitExtents as method } from '@hopbine/common/protocol/metadata.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import { checkExtents, cutContent, layExtents, leaveInline } from '../namespace/content.ts'
import { resizeFile, touchContent } from '../namespace/entries.ts'
import { requireLease } from '../namespace/lease.ts'
import { requireRoomForBytes } from '../namespace/links.ts'
import { statusOfRow } from '../namespace/status.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { plainWrite } from './operation.ts'

export const commitExtents = plainWrite(method, (tx, context, { inodeId, extents, size }) => {
  const row = requireLease(tx, context, inodeId)
  takeExtents(tx, context, row, extents, size)
  tx.entries.updateContent(row)
  const { parentId, name, kind } = row
  tx.changed(context, { what: 'commit', inodeId, parentId, name, kind, size })
  return { status: statusOfRow(tx, row) }
})

/** Checks first, then lays the extents, sets the size and the times in the row, which the caller writes. */
export function takeExtents(
  tx: Tx,
  context: CommandContext,
  row: EntryRow,
  extents: readonly Extent[],
  size: number,
): void {
  checkExtents(tx, row, extents, size)
  requireRoomForBytes(tx, row, (size - row.size) * row.replication)
  if (extents.length > 0) leaveInline(tx, row)
  layExtents(tx, row.id, extents)
  if (size < row.size) cutContent(tx, row, size)
  if (extents.length > 0 || size !== row.size) touchContent(context, row)
  resizeFile(tx, row, size)
}
