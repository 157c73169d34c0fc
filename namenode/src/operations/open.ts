/** open: attributes and where the bytes of a range are. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { EXTENTS_PER_COMMIT_MAX } from '@hopbine/common/base/limits.ts'
import { open as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { READ } from '@hopbine/common/rules/permission.ts'
import { callerOf, requireAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { read } from './operation.ts'

export const open = read({
  method,
  query(tx, request, context) {
    const { path, offset, length } = request
    if (offset < 0 || length < 0) throw new FsError('INVALID_ARGUMENT', `range ${offset}+${length}`)
    const caller = callerOf(tx, context.principal)
    const { row } = resolveTarget(tx, caller, path, true)
    if (row === undefined) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
    if (row.kind !== KIND.file) throw new FsError('INVALID_ARGUMENT', `${path} is not a file`, { path })
    requireAccess(tx, caller, row, READ)
    const status = statusOfRow(tx, row)
    if (row.flags & ENTRY_FLAG.inline) {
      return { status, inline: tx.inline.get(row.id), extents: [], blocks: [] }
    }
    if (row.size === 0 || offset >= row.size) return { status, extents: [], blocks: [] }
    const end = Math.min(offset + length, row.size)
    const extents = tx.extents.overlapping(row.id, offset, end, EXTENTS_PER_COMMIT_MAX)
    const blocks = new Map<number, LocatedBlock>()
    for (const { blockId } of extents) {
      if (!blocks.has(blockId)) blocks.set(blockId, context.locate(blockId, row.replication))
    }
    return { status, extents, blocks: [...blocks.values()] }
  },
})
