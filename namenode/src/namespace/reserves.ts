/**
 * What a queue of directory leases sets aside of quotas, so that what its mount answers for fits when it is
 * handed in. It counts as used at every quota above; what a batch uses takes its place in the same command.
 */
import type { Room } from '../store/quota-reserves.ts'
import type { LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { Tx } from '../store/tx.ts'
import { namesUsed, roomLeft } from './quota.ts'

/** Part of what is left that one queue gets at most: large files and others find the rest. */
const SHARE = 1 / 8
/** Set aside for one queue below one quota at most. */
const NAMES_MAX = 65_536
const DISK_BYTES_MAX = 256 * 1024 * 1024

interface Used {
  readonly names: number
  readonly diskBytes: number
}

/** A reserve while a batch of its queue is applied: nothing is set aside, what the batch does is measured. */
interface Lifted {
  readonly rootId: number
  readonly room: Room
  /** Below the quota's directory, before the batch. */
  readonly before: Used
}

/**
 * More is set aside, up to what is wanted and to the queue's share of what is left. Nothing is given back.
 */
export function raiseReserve(tx: Tx, queue: LeaseQueue, rootId: number, wanted: Room): void {
  const reserve = queue.reserves.get(rootId)
  if (reserve === undefined) return
  const { names, diskBytes } = reserve.room
  const left = roomLeft(tx, tx.directories.slotOf(rootId))
  tx.leases.reserve(queue, rootId, {
    names: raised(names, left.names, Math.min(wanted.names, NAMES_MAX)),
    diskBytes: raised(diskBytes, left.diskBytes, Math.min(wanted.diskBytes, DISK_BYTES_MAX)),
  })
}

function raised(reserved: number, left: number, wanted: number): number {
  return Math.max(reserved, Math.min(wanted, Math.floor((reserved + left) * SHARE)))
}

/** Sets nothing aside for the queue until `settleReserves`. */
export function liftReserves(tx: Tx, queue: LeaseQueue): Lifted[] {
  const lifted: Lifted[] = []
  for (const [rootId, { room }] of queue.reserves) {
    lifted.push({ rootId, room, before: usedBelow(tx, rootId) })
    tx.leases.reserve(queue, rootId, { names: 0, diskBytes: 0 })
  }
  // The same on every replica, whatever order they came in.
  return lifted.sort((a, b) => a.rootId - b.rootId)
}

/** What was set aside is again, less what was used of it, and raised to what is wanted. */
export function settleReserves(tx: Tx, queue: LeaseQueue, lifted: readonly Lifted[], wanted: Room): void {
  const used = usedSince(tx, queue, lifted)
  for (const { rootId, room } of lifted) {
    // The last directory below that quota may have gone in the batch.
    if (!queue.reserves.has(rootId)) continue
    const left = roomLeft(tx, tx.directories.slotOf(rootId))
    const { names, diskBytes } = used.get(rootId) ?? NOTHING_USED
    tx.leases.reserve(queue, rootId, {
      names: rest(room.names, names, left.names),
      diskBytes: rest(room.diskBytes, diskBytes, left.diskBytes),
    })
  }
  for (const rootId of [...queue.reserves.keys()].sort((a, b) => a - b)) {
    raiseReserve(tx, queue, rootId, wanted)
  }
}

const NOTHING_USED: Used = { names: 0, diskBytes: 0 }

/** What a batch freed may have been asked for by others before its mount heard of it. */
function rest(reserved: number, used: number, left: number): number {
  return Math.max(0, Math.min(reserved - Math.max(0, used), left))
}

/** What the batch added below each quota, without what it added below the queue's quotas within. */
function usedSince(tx: Tx, queue: LeaseQueue, lifted: readonly Lifted[]): Map<number, Used> {
  const used = new Map<number, Used>()
  const add = (rootId: number, names: number, diskBytes: number): void => {
    const known = used.get(rootId) ?? NOTHING_USED
    used.set(rootId, { names: known.names + names, diskBytes: known.diskBytes + diskBytes })
  }
  for (const { rootId, before } of lifted) {
    if (!queue.reserves.has(rootId)) continue
    const after = usedBelow(tx, rootId)
    const [names, diskBytes] = [after.names - before.names, after.diskBytes - before.diskBytes]
    add(rootId, names, diskBytes)
    const around = reserveAround(tx, queue, rootId)
    if (around !== 0) add(around, -names, -diskBytes)
  }
  return used
}

/** The nearest directory above with a quota of which the queue has set something aside; 0: none. */
function reserveAround(tx: Tx, queue: LeaseQueue, rootId: number): number {
  const { id, parent } = tx.directories
  let at = parent[tx.directories.slotOf(rootId)] as number
  for (; at >= 0; at = parent[at] as number) if (queue.reserves.has(id[at] as number)) return id[at] as number
  return 0
}

function usedBelow(tx: Tx, rootId: number): Used {
  const slot = tx.directories.slotOf(rootId)
  return { names: namesUsed(tx, slot), diskBytes: tx.directories.diskBytes[slot] as number }
}
