/** openQueue: makes a queue of directory leases known. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { openQueue as method } from '@hopbine/common/protocol/directory-leases.ts'
import { requireQueueOwner } from '../namespace/directory-leases.ts'
import { plainWrite } from './operation.ts'

/** Queues at a time, those that were revoked and not closed included; more: BUSY. */
const QUEUES_MAX = 4096

export const openQueue = plainWrite(method, (tx, context, { queueId }) => {
  requireQueueOwner(context)
  if (!/^[0-9a-f]{32}$/.test(queueId)) {
    throw new FsError('INVALID_ARGUMENT', 'queueId must be 32 hexadecimal digits')
  }
  if (tx.leases.queue(queueId) !== undefined) throw new FsError('ALREADY_EXISTS', `queue ${queueId} is open`)
  if (tx.leases.queueCount >= QUEUES_MAX) throw new FsError('BUSY', `${QUEUES_MAX} queues are open`)
  tx.leases.open(queueId, context.seconds)
  return {}
})
