/** openQueue: makes a queue of directory leases known. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { openQueue as method } from '@hopbine/common/protocol/directory-leases.ts'
import { requireQueueOwner } from '../namespace/directory-leases.ts'
import type { LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { plainWrite } from './operation.ts'

/** Queues at a time. More: one that is over, or did nothing for very long, is forgotten; else BUSY. */
const QUEUES_MAX = 1024
/** A queue that did nothing for so long is somebody's who does not come back, in seconds. */
const SILENT_SECONDS = 30 * 24 * 3600

export const openQueue = plainWrite(method, (tx, context, { queueId }) => {
  requireQueueOwner(context)
  if (!/^[0-9a-f]{32}$/.test(queueId)) {
    throw new FsError('INVALID_ARGUMENT', 'queueId must be 32 hexadecimal digits')
  }
  if (tx.leases.queue(queueId) !== undefined) throw new FsError('ALREADY_EXISTS', `queue ${queueId} is open`)
  if (tx.leases.queueCount >= QUEUES_MAX) forgetOne(tx, context)
  tx.leases.open(queueId, context.seconds)
  return {}
})

/** Lets go of a queue that nobody can expect anything of any more; of several, the one silent longest. */
function forgetOne(tx: Tx, context: CommandContext): void {
  let oldest: LeaseQueue | undefined
  for (const queue of tx.leases.queues) {
    const isOver = queue.revoked || queue.failure !== undefined
    if (!isOver && queue.seconds > context.seconds - SILENT_SECONDS) continue
    if (oldest === undefined || isOlder(queue, oldest)) oldest = queue
  }
  if (oldest === undefined) throw new FsError('BUSY', `${QUEUES_MAX} queues are open`)
  tx.leases.close(oldest)
}

/** Whatever order the queues come in, the same one is the oldest. */
function isOlder(queue: LeaseQueue, other: LeaseQueue): boolean {
  if (queue.seconds !== other.seconds) return queue.seconds < other.seconds
  return queue.queueId < other.queueId
}
