/** closeQueue: a queue gives every lease back and is forgotten; fine if it is not known. */
import { closeQueue as method } from '@hopbine/common/protocol/directory-leases.ts'
import { requireQueueOwner } from '../namespace/directory-leases.ts'
import { plainWrite } from './operation.ts'

export const closeQueue = plainWrite(
  method,
  (tx, context, { queueId }) => {
    requireQueueOwner(context)
    const queue = tx.leases.queue(queueId)
    if (queue !== undefined) tx.leases.close(queue)
    return {}
  },
  { frees: true },
)
