/** punch: a range of a leased file reads as zeros from now on, and what held its bytes is let go. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { punch as method } from '@hopbine/common/protocol/metadata.ts'
import { punchExtents } from '../namespace/content.ts'
import { touchContent } from '../namespace/entries.ts'
import { requireLease } from '../namespace/lease.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import { plainWrite } from './operation.ts'

export const punch = plainWrite(method, (tx, context, { inodeId, offset, length }) => {
  if (offset < 0 || length <= 0 || offset + length > FILE_BYTES_MAX) {
    throw new FsError('INVALID_ARGUMENT', `no range ${offset}+${length} of a file`)
  }
  const row = requireLease(tx, context, inodeId)
  if (row.flags & ENTRY_FLAG.inline) punchInline(tx, row, offset, length)
  else punchExtents(tx, row.id, offset, offset + length)
  touchContent(context, row)
  tx.entries.updateContent(row)
  const { parentId, name, kind, size } = row
  tx.changed(context, { what: 'punch', inodeId, parentId, name, kind, size })
  return { status: statusOfRow(tx, row) }
})

function punchInline(tx: Tx, row: EntryRow, offset: number, length: number): void {
  const data = Buffer.from(tx.inline.get(row.id))
  if (offset >= data.length) return
  data.fill(0, offset, Math.min(offset + length, data.length))
  tx.inline.set(row.id, data)
}
