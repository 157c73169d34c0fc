/**
 * Rules of directory leases. A lease covers the names in a directory, the attributes of what they name, and
 * those of the directory itself. Below a directory that is leased to one queue nothing is leased to another,
 * so that whoever holds a directory may change what lies above all that he holds.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { type InodePath, parseInodePath } from '@hopbine/common/protocol/inode-path.ts'
import { LINK_KIND } from '../store/schema.ts'
import type { LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { placesOf } from './links.ts'

export function requireQueueOwner(context: CommandContext): void {
  if (context.superuser) return
  throw new FsError('NOT_PERMITTED', 'only a superuser may hold directory leases: they speak for everybody')
}

/** A queue that still takes operations or has a failure to tell. Throws NOT_FOUND and LEASE_LOST. */
export function requireQueue(tx: Tx, queueId: string): LeaseQueue {
  const queue = tx.leases.queue(queueId)
  if (queue === undefined) throw new FsError('NOT_FOUND', `there is no queue ${queueId}`)
  if (queue.revoked) throw new FsError('LEASE_LOST', `the leases of queue ${queueId} were taken from it`)
  return queue
}

/** Directories leased to anybody at or below a slot, in no order that matters. */
export function leasesWithin(tx: Tx, slot: number): number[] {
  const ids: number[] = []
  for (const inodeId of tx.leases.holders.keys()) {
    if (tx.directories.isWithin(tx.directories.slotOf(inodeId), slot)) ids.push(inodeId)
  }
  return ids
}

/** Ends the leases of a directory that is about to be removed and of everything below it. */
export function dropLeasesWithin(tx: Tx, slot: number): void {
  if (tx.leases.count === 0) return
  const { directories, leases } = tx
  const parent = directories.parent[slot] as number
  // A tree that is being taken apart lost its leases when it was removed.
  if (directories.isWithin(parent, directories.slotOf(RECLAIM_INODE))) return
  if ((directories.subdirectories[slot] as number) === 0) return leases.drop(directories.id[slot] as number)
  for (const inodeId of leasesWithin(tx, slot).sort((a, b) => a - b)) leases.drop(inodeId)
}

/** Throws INVALID_ARGUMENT unless the path is `/.reserved/.inodes/ID` or `/.reserved/.inodes/ID/NAME`. */
export function requireInodePath(path: string): InodePath {
  const parts = parseInodePath(path)
  if (parts !== undefined && parts.id > 0) return parts
  throw new FsError('INVALID_ARGUMENT', `${path}: a queue names things by their directory's inode`)
}

/** Throws LEASE_LOST unless the directory is leased to the queue. */
export function requireHeld(tx: Tx, queue: LeaseQueue, inodeId: number): void {
  if (tx.leases.holderOf(inodeId) === queue) return
  throw new FsError('LEASE_LOST', `directory ${inodeId} is not leased to queue ${queue.queueId}`)
}

/**
 * Throws LEASE_LOST unless every directory whose entries show the attributes of what is at the path is leased
 * to the queue; for a directory, its own lease will do. Nothing there: the operation itself will say so.
 */
export function requireAttributesHeld(tx: Tx, queue: LeaseQueue, { id, name }: InodePath): void {
  if (name !== '') {
    requireHeld(tx, queue, id)
    const row = tx.entries.find(id, name)
    if (row !== undefined) requireNamesHeld(tx, queue, row)
    return
  }
  if (tx.leases.holderOf(id) === queue) return
  const row = tx.entries.findId(id)
  if (row === undefined) throw new FsError('STALE', `inode ${id} is gone`)
  requireHeld(tx, queue, row.parentId)
  requireNamesHeld(tx, queue, row)
}

/** An inode with several names shows in several directories. */
export function requireNamesHeld(tx: Tx, queue: LeaseQueue, row: EntryRow): void {
  const inode = row.kind === LINK_KIND ? tx.entries.findId(Number(row.target)) : row
  if (inode === undefined || inode.nlink <= 1) return
  for (const { parentId } of placesOf(tx, inode)) requireHeld(tx, queue, parentId)
}
