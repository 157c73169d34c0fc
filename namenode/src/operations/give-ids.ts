/** What acquireDirectory and applyQueue share: inode ids for what a queue makes. */
import type { LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { Tx } from '../store/tx.ts'

/** Ids that one queue may have unused; it gets no more then. */
const UNUSED_MAX = 4 * 65_536

/** Gives the ids from `firstId` on to the queue; nobody else ever gets them. */
export function giveIds(
  tx: Tx,
  queue: LeaseQueue,
  firstId: number,
  count: number,
): { readonly firstId: number; readonly ids: number } {
  if (count === 0 || queue.ids.left + count > UNUSED_MAX) return { firstId: 0, ids: 0 }
  tx.meta.used(firstId + count - 1)
  queue.ids.add(firstId, count)
  tx.leases.markDirty(queue)
  return { firstId, ids: count }
}
