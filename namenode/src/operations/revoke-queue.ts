/**
 * revokeQueue: the leader takes every lease of a queue whose owner does not give back what others wait for.
 * What its owner had not handed in is lost, and its later batches are refused.
 */
import { method } from '@hopbine/common/protocol/method.ts'
import { nothing, record, text } from '@hopbine/common/wire/codec.ts'
import { plainWrite } from './operation.ts'

export const revokeQueue = plainWrite(
  method(205, 'revokeQueue', 'write', 1, record({ queueId: text }), nothing),
  (tx, _context, { queueId }) => {
    const queue = tx.leases.queue(queueId)
    if (queue === undefined || queue.revoked) return {}
    queue.revoked = true
    tx.leases.dropAll(queue)
    tx.leases.markDirty(queue)
    return {}
  },
)
