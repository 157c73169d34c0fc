/** Checks what a shard keeps twice of directory leases: rows against memory, leases against the tree. */
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import type { Tx } from './tx.ts'

export function checkLeases(tx: Tx, report: (problem: string) => void): void {
  const rows = tx.db
    .prepare<[], [number, string]>('SELECT inode_id, queue_id FROM directory_lease ORDER BY inode_id')
    .raw()
    .all()
  const { directories, leases } = tx
  const reclaim = directories.slotOf(RECLAIM_INODE)
  for (const [inodeId, queueId] of rows) {
    const holder = leases.holderOf(inodeId)
    if (holder?.queueId !== queueId) {
      report(`directory ${inodeId} is leased to ${queueId} in the store and to ${holder?.queueId} in memory`)
    }
    const slot = directories.findId(inodeId)
    if (slot < 0) report(`inode ${inodeId} is leased and no directory`)
    else if (directories.isWithin(slot, reclaim)) report(`directory ${inodeId} is leased and was removed`)
  }
  if (rows.length !== leases.count) {
    report(`the store has ${rows.length} directory leases, memory ${leases.count}`)
  }
  for (const queue of leases.queues) checkQueue(tx, queue.queueId, report)
}

function checkQueue(tx: Tx, queueId: string, report: (problem: string) => void): void {
  const queue = tx.leases.queue(queueId)
  if (queue === undefined) return
  const isOver = queue.revoked || queue.failure !== undefined
  if (isOver && queue.leases.size > 0)
    report(`queue ${queueId} is over and holds ${queue.leases.size} leases`)
  for (const [first, end] of queue.ids.toArray()) {
    if (end > tx.meta.nextId) report(`queue ${queueId} has ids up to ${end} that others may be given`)
    const taken = tx.db
      .prepare<[number, number], number>('SELECT id FROM entry WHERE id >= ? AND id < ? LIMIT 1')
      .pluck()
      .get(first, end)
    if (taken !== undefined) report(`inode ${taken} was made with an id that queue ${queueId} has not used`)
  }
}
