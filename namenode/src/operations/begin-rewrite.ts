/** beginRewrite: a datanode asks for a block to gather the live bytes of a closed file in. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { beginRewrite as method } from '@hopbine/common/protocol/cluster.ts'
import { locatedBlock } from '@hopbine/common/protocol/types.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { isRewritable, reserveBlock } from '../namespace/rewrite.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import { write } from './operation.ts'

/** A block that no `finishRewrite` makes use of for so long is given up, in seconds. */
const RESERVED_SECONDS = 3600

export const beginRewrite = write({
  method,
  command: record({ inodeId: int, block: locatedBlock }),
  prepare({ inodeId }, context) {
    if (!context.principal.superuser) throw new FsError('NOT_PERMITTED', 'only datanodes rewrite files')
    const { replication } = rewritableRow(context.state, inodeId)
    const block = context.place(context.drawIds(1), replication, [])
    const copies = Math.min(replication, context.state.datanodes.all.length)
    if (block.members.length < copies) {
      throw new FsError('NO_DATANODE', `a rewrite needs ${copies} datanodes for as many copies as there are`)
    }
    return { inodeId, block }
  },
  apply(tx, context, { inodeId, block }) {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only datanodes rewrite files')
    rewritableRow(tx, inodeId)
    reserveBlock(tx, block.blockId, context.seconds + RESERVED_SECONDS)
    return { block }
  },
})

function rewritableRow(tx: Tx, inodeId: number): EntryRow {
  const row = tx.entries.findId(inodeId)
  if (row === undefined) throw new FsError('STALE', `inode ${inodeId} is gone`)
  const holder = tx.sessions.holderOf(inodeId)
  if (holder !== '') throw new FsError('LEASE_CONFLICT', `inode ${inodeId} is open for writing`, { holder })
  if (!isRewritable(row)) throw new FsError('STALE', `inode ${inodeId} has no blocks to rewrite`)
  return row
}
