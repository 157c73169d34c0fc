/**
 * confirmTombstones: a datanode dropped these blocks. A tombstone goes when every registered node has said
 * so.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { confirmTombstones as method } from '@hopbine/common/protocol/cluster.ts'
import { plainWrite } from './operation.ts'

export const confirmTombstones = plainWrite(
  method,
  (tx, context, { nodeId, blockIds }) => {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only datanodes confirm tombstones')
    for (const blockId of blockIds) {
      const row = tx.tombstones.get(blockId)
      if (row === undefined) continue
      const confirmed = new Set(row.confirmed.split(' ').filter(id => id !== ''))
      confirmed.add(nodeId)
      if (tx.datanodes.all.every(node => confirmed.has(node.nodeId))) tx.tombstones.delete(blockId)
      else tx.tombstones.confirm(blockId, [...confirmed].sort().join(' '))
    }
    return {}
  },
  { frees: true },
)
