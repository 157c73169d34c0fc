/**
 * writeInline: the whole content of a small file at once, for a mount that answers for its directory. Whether
 * the writer may write was asked when he opened the file, as for `complete`; only a queue can say it.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { writeInline as method } from '@hopbine/common/protocol/directory-leases.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { releaseUnusedBlocks } from '../namespace/content.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { takeInline } from './complete.ts'
import { plainWrite } from './operation.ts'

export const writeInline = plainWrite(method, (tx, context, { inodeId, inline }) => {
  const row = tx.entries.findId(inodeId)
  if (row === undefined) throw new FsError('STALE', `inode ${inodeId} is gone`)
  if (row.kind !== KIND.file) throw new FsError('INVALID_ARGUMENT', `inode ${inodeId} is not a file`)
  if (row.flags & ENTRY_FLAG.open) {
    const holder = tx.sessions.holderOf(inodeId)
    throw new FsError('LEASE_CONFLICT', `${row.name} is open for writing by client ${holder}`, { holder })
  }
  const mayHaveBlocks = row.size > 0 && (row.flags & ENTRY_FLAG.inline) === 0
  takeInline(tx, context, row, inline)
  if (mayHaveBlocks) releaseUnusedBlocks(tx, context, inodeId)
  row.generation += 1
  tx.entries.updateContent(row)
  const { parentId, name, kind, size } = row
  tx.changed(context, { what: 'writeInline', inodeId, parentId, name, kind, size })
  return { status: statusOfRow(tx, row) }
})
