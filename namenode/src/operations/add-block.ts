/** addBlock: a new open block for a file that the caller has open for writing. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { addBlock as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND, locatedBlock } from '@hopbine/common/protocol/types.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { requireLease } from '../namespace/lease.ts'
import { write } from './operation.ts'

export const addBlock = write({
  method,
  // The place and the capability are the leader's choice; replicas only note that the block belongs to the
  // file.
  command: record({ inodeId: int, block: locatedBlock }),
  prepare(request, context) {
    const row = context.state.entries.findId(request.inodeId)
    if (row === undefined) throw new FsError('STALE', `inode ${request.inodeId} is gone`)
    // Nobody can have anything else open for writing; it has no copies to place either.
    if (row.kind !== KIND.file) throw new FsError('LEASE_LOST', `inode ${row.id} is not a file`)
    const block = context.place(context.drawIds(1), row.replication, request.exclude)
    return { inodeId: request.inodeId, block }
  },
  apply(tx, context, { inodeId, block }) {
    requireLease(tx, context, inodeId)
    tx.blocks.insert(block.blockId, inodeId)
    tx.sessions.blockAdded(inodeId)
    tx.meta.used(block.blockId)
    return { block }
  },
})
