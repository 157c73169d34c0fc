/**
 * acquireDirectory: one queue alone answers for a directory from now on. Everything in it comes along, so
 * that it is known what is there and what is not. A refusal is an answer: the caller goes on without a lease.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import {
  IDS_MAX,
  LEASE_ENTRIES_MAX,
  LEASES_MAX,
  acquireDirectory as method,
  RESERVE_DISK_BYTES,
  RESERVE_NAMES,
} from '@hopbine/common/protocol/directory-leases.ts'
import type { RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { FileStatus } from '@hopbine/common/protocol/types.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { requireQueue, requireQueueOwner } from '../namespace/directory-leases.ts'
import { raiseReserve } from '../namespace/reserves.ts'
import { statusOfDirectory } from '../namespace/status.ts'
import { ACL_FLAGS, ENTRY_FLAG } from '../store/schema.ts'
import type { LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { giveIds } from './give-ids.ts'
import { statusOfEntry } from './list.ts'
import { type LeaseRefusal, leaseRefusal, write } from './operation.ts'

type Request = RequestOf<typeof method>
type Answer = ResponseOf<typeof method>

/** All entries of a directory take at most so many bytes, so that they fit into a message. */
const ENTRIES_BYTES_MAX = 3 * 1024 * 1024
/** An entry without its texts, in bytes. */
const ENTRY_BYTES = 128
/** When a directory that is leased to others, or lies among such, may be asked for again, in milliseconds. */
const HELD_RETRY_MS = 2_000
/** When a directory may be asked for again that does not fit now, in milliseconds. */
const UNFIT_RETRY_MS = 60_000

export const acquireDirectory = write({
  method,
  command: record({ request: method.request, firstId: int, refusal: leaseRefusal }),
  prepare(request, context) {
    if (request.ids > IDS_MAX) throw new FsError('INVALID_ARGUMENT', `at most ${IDS_MAX} ids at once`)
    const refusal = context.leaseRefusal(request.queueId, request.inodeId)
    return { request, firstId: context.drawIds(request.ids), refusal }
  },
  apply(tx, context, { request, firstId, refusal }) {
    requireQueueOwner(context)
    const queue = requireQueue(tx, request.queueId)
    const slot = tx.directories.findId(request.inodeId)
    if (slot < 0) throw new FsError('STALE', `inode ${request.inodeId} is no directory`)
    const status = statusOfDirectory(tx, slot)
    const problem = refusal.reason === '' ? problemOf(tx, queue, request, slot) : refusal
    if (problem !== undefined) return refused(status, problem)
    const entries = entriesOf(tx, context, request.inodeId, slot)
    if (!Array.isArray(entries)) return refused(status, entries)
    const reserve = grant(tx, queue, request.inodeId)
    const ids = giveIds(tx, queue, firstId, request.ids)
    return { granted: true, reason: '', retryMs: 0, status, entries, ...ids, ...reserve }
  },
})

const NO_RESERVE = { quotaRoot: 0, names: 0, diskBytes: 0 }

/** The first directory below a quota brings the queue a reserve; of others its batches tell. */
function grant(tx: Tx, queue: LeaseQueue, inodeId: number): typeof NO_RESERVE {
  const { leases } = tx
  if (leases.holderOf(inodeId) === undefined) leases.grant(queue, inodeId)
  const quotaRoot = queue.leases.get(inodeId) ?? 0
  const reserve = queue.reserves.get(quotaRoot)
  if (reserve === undefined) return NO_RESERVE
  if (reserve.leases > 1) return { ...NO_RESERVE, quotaRoot }
  raiseReserve(tx, queue, quotaRoot, { names: RESERVE_NAMES, diskBytes: RESERVE_DISK_BYTES })
  return { quotaRoot, ...reserve.room }
}

function refused(status: FileStatus, { reason, retryMs }: LeaseRefusal): Answer {
  return { granted: false, reason, retryMs, status, entries: [], firstId: 0, ids: 0, ...NO_RESERVE }
}

function problemOf(tx: Tx, queue: LeaseQueue, request: Request, slot: number): LeaseRefusal | undefined {
  const { directories, leases } = tx
  const no = (reason: string, retryMs: number): LeaseRefusal => ({ reason, retryMs })
  if (queue.failure !== undefined) return no('the queue met a failure', UNFIT_RETRY_MS)
  if (leases.holderOf(request.inodeId) !== queue && queue.leases.size >= LEASES_MAX) {
    return no(`the queue holds ${LEASES_MAX} directories`, HELD_RETRY_MS)
  }
  if ((directories.children[slot] as number) > LEASE_ENTRIES_MAX) {
    return no(`the directory has more than ${LEASE_ENTRIES_MAX} entries`, UNFIT_RETRY_MS)
  }
  for (let at = slot; at >= 0; at = directories.parent[at] as number) {
    if (directories.id[at] === RECLAIM_INODE) return no('the directory was removed', UNFIT_RETRY_MS)
    const holder = leases.holderOf(directories.id[at] as number)
    if (holder !== undefined && holder !== queue) return no('another queue holds it', HELD_RETRY_MS)
  }
  if ((directories.flags[slot] as number) & ACL_FLAGS) return no('it has an ACL', UNFIT_RETRY_MS)
  if (isAboveOthers(tx, queue, slot)) return no('another queue holds a directory below', HELD_RETRY_MS)
  return undefined
}

/** Whether another queue holds a directory below; costs as much as others hold. */
function isAboveOthers(tx: Tx, queue: LeaseQueue, slot: number): boolean {
  if (tx.leases.count === queue.leases.size) return false
  for (const [inodeId, holder] of tx.leases.holders) {
    if (holder !== queue && tx.directories.isWithin(tx.directories.slotOf(inodeId), slot)) return true
  }
  return false
}

/** Everything in the directory, or why it cannot be handed out. */
function entriesOf(
  tx: Tx,
  context: CommandContext,
  inodeId: number,
  slot: number,
): FileStatus[] | LeaseRefusal {
  const entries: FileStatus[] = []
  let bytes = 0
  for (const row of tx.entries.page(inodeId, '', LEASE_ENTRIES_MAX)) {
    const isOpen = (row.flags & ENTRY_FLAG.open) !== 0
    if (isOpen && tx.sessions.holderOf(row.id) !== context.clientId) {
      return { reason: 'another session writes a file in it', retryMs: HELD_RETRY_MS }
    }
    const status = statusOfEntry(tx, slot, row)
    const { name, owner, group, target } = status
    for (const text of [name, owner, group, target]) bytes += Buffer.byteLength(text)
    bytes += ENTRY_BYTES
    if (bytes > ENTRIES_BYTES_MAX) {
      return { reason: 'its entries do not fit into a message', retryMs: UNFIT_RETRY_MS }
    }
    entries.push(status)
  }
  return entries
}
