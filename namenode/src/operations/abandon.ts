/**
 * abandon: the writer gives up. A file that was never completed vanishes; another keeps what was committed.
 */
import { abandon as method } from '@hopbine/common/protocol/metadata.ts'
import { dropEntry } from '../namespace/entries.ts'
import { closeFile, requireLease } from '../namespace/lease.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { plainWrite } from './operation.ts'

export const abandon = plainWrite(
  method,
  (tx, context, { inodeId }) => {
    const row = requireLease(tx, context, inodeId)
    const unborn = (row.flags & ENTRY_FLAG.unborn) !== 0
    closeFile(tx, context, row)
    if (unborn) {
      const { parentId, name, kind } = row
      dropEntry(tx, context, { slot: -1, row, parent: tx.directories.slotOf(parentId), name })
      tx.changed(context, { what: 'abandon', inodeId, parentId, name, kind })
    }
    return {}
  },
  { frees: true },
)
