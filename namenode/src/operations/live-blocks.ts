/** liveBlocks: what a datanode asks before it drops anything. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { liveBlocks as method } from '@hopbine/common/protocol/cluster.ts'
import { read } from './operation.ts'

export const liveBlocks = read({
  method,
  query(tx, { blockIds }, context) {
    if (!context.principal.superuser) throw new FsError('NOT_PERMITTED', 'only datanodes ask for live blocks')
    const droppable = context.droppableSince()
    const live = blockIds.map(blockId => {
      if (tx.blocks.get(blockId) !== undefined) return true
      const tombstone = tx.tombstones.get(blockId)
      return tombstone !== undefined && tombstone.since > droppable
    })
    return { live }
  },
})
