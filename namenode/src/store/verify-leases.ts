/** Checks what a shard keeps twice of directory leases: rows against memory, leases against the tree. */
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { NO_QUOTA } from './directory-table.ts'
import { QuotaReserves } from './quota-reserves.ts'
import type { LeaseQueue } from './tables/directory-lease-table.ts'
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
  for (const queue of leases.queues) {
    checkQueue(tx, queue.queueId, report)
    checkRoots(tx, queue, report)
  }
  checkReserved(tx, report)
}

/** Each directory's nearest quota is the one that its queue goes by. */
function checkRoots(
  tx: Tx,
  { queueId, leases, reserves }: LeaseQueue,
  report: (problem: string) => void,
): void {
  const { directories } = tx
  const counts = new Map<number, number>()
  for (const [inodeId, rootId] of leases) {
    const slot = directories.findId(inodeId)
    const root = slot < 0 ? -1 : directories.quotaRootOf(slot)
    const actual = root < 0 ? 0 : (directories.id[root] as number)
    if (actual !== rootId) report(`directory ${inodeId} lies below the quota of ${actual}, not ${rootId}`)
    if (rootId !== 0) counts.set(rootId, (counts.get(rootId) ?? 0) + 1)
  }
  for (const [rootId, { leases: counted }] of reserves) {
    const found = counts.get(rootId) ?? 0
    if (found !== counted) {
      report(`queue ${queueId} holds ${found} directories below the quota of ${rootId}, not ${counted}`)
    }
    counts.delete(rootId)
  }
  for (const rootId of counts.keys()) report(`queue ${queueId} has no reserve at ${rootId}`)
}

/** Sums above each reserve are what the reserves say, and fit into the quotas. */
function checkReserved(tx: Tx, report: (problem: string) => void): void {
  const { directories, leases } = tx
  const sums = new QuotaReserves(directories)
  for (const { reserves } of leases.queues) {
    for (const [rootId, { room }] of reserves) {
      const slot = directories.findId(rootId)
      if (slot >= 0) sums.add(slot, room)
    }
  }
  for (const slot of directories.slots()) {
    const { names, diskBytes } = sums.within(slot)
    const kept = leases.reserves.within(slot)
    const inodeId = directories.id[slot]
    if (kept.names !== names || kept.diskBytes !== diskBytes) {
      report(
        `directory ${inodeId}: ${names} names and ${diskBytes} bytes are set aside below it, ` +
          `not ${kept.names} and ${kept.diskBytes}`,
      )
    }
    const used = (directories.files[slot] as number) + (directories.directories[slot] as number) + 1
    const isOverNames =
      directories.nameQuota[slot] !== NO_QUOTA && used + names > (directories.nameQuota[slot] as number)
    if (isOverNames && names > 0)
      report(`directory ${inodeId}: ${names} names are set aside beyond its quota`)
    const bytes = directories.diskBytes[slot] as number
    const isOverBytes =
      directories.spaceQuota[slot] !== NO_QUOTA &&
      bytes + diskBytes > (directories.spaceQuota[slot] as number)
    if (isOverBytes && diskBytes > 0) {
      report(`directory ${inodeId}: ${diskBytes} bytes are set aside beyond its quota`)
    }
  }
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
