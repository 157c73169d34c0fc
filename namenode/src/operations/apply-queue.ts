/**
 * applyQueue: what a mount did in leased directories, in order, as one command for many operations. Numbers
 * decide what is applied, so that any session may send a batch again. An operation that fails should not
 * have been answered by its mount; it ends the queue, whose leases go at once, for they are worth nothing.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { GROUPS_MAX, IDENTITY_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import {
  BATCH_OPERATIONS_MAX,
  IDS_MAX,
  LEASES_MAX,
  applyQueue as method,
} from '@hopbine/common/protocol/directory-leases.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { failureOf } from '@hopbine/common/rpc/server-connection.ts'
import { flag, int, list, record, text, u32 } from '@hopbine/common/wire/codec.ts'
import { requireQueue, requireQueueOwner } from '../namespace/directory-leases.ts'
import { liftReserves, settleReserves } from '../namespace/reserves.ts'
import type { Failure, LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { giveIds } from './give-ids.ts'
import { mkdir } from './mkdir.ts'
import { write } from './operation.ts'
import { prepareQueued, type QueuedCommand, queuedCommand, requireQueuedLeases } from './queued-operations.ts'

/** Callers that one batch may speak for. */
const PRINCIPALS_MAX = 4096
/** An operation's own time counts if it lies no further back, in seconds; an older one is moved up. */
const AGE_SECONDS_MAX = 600
/** Directories that were made under a lease are leased too, over the bound for grants, up to so many. */
const BORN_LEASES_MAX = 4 * LEASES_MAX

const command = record({
  queueId: text,
  first: int,
  principals: list(record({ user: text, groups: list(text), superuser: flag })),
  operations: list(queuedCommand),
  firstId: int,
  ids: u32,
  names: int,
  diskBytes: int,
})

export const applyQueue = write({
  method,
  command,
  prepare(request, context) {
    requireBounds(request)
    const { queueId, first, ids, names, diskBytes, operations } = request
    const principals = request.principals.map(principalOf)
    return {
      queueId,
      first,
      principals: principals.map(({ user, groups, superuser }) => ({ user, groups: [...groups], superuser })),
      operations: operations.map(queued => prepareQueued(queued, principals, context)),
      firstId: context.drawIds(ids),
      ids,
      names,
      diskBytes,
    }
  },
  apply(tx, context, { queueId, first, principals, operations, firstId, ids, names, diskBytes }) {
    requireQueueOwner(context)
    const queue = requireQueue(tx, queueId)
    const { failure } = queue
    if (failure !== undefined) return { ...NO_IDS, applied: queue.applied, failed: failure, reserves: [] }
    if (first > queue.applied + 1) {
      throw new FsError('INVALID_ARGUMENT', `operation ${first} does not follow ${queue.applied}`)
    }
    const lifted = liftReserves(tx, queue)
    for (let at = queue.applied + 1 - first; at < operations.length; at++) {
      const failed = applyOne(tx, context, queue, principals, operations[at] as QueuedCommand)
      if (failed === undefined) continue
      end(tx, queue, failed)
      return { ...NO_IDS, applied: queue.applied, failed, reserves: [] }
    }
    const given = giveIds(tx, queue, firstId, ids)
    settleReserves(tx, queue, lifted, { names, diskBytes })
    return { applied: queue.applied, failed: undefined, ...given, reserves: reservesOf(queue) }
  },
})

/** In order, so that all replicas answer alike. */
function reservesOf({ reserves }: LeaseQueue): { quotaRoot: number; names: number; diskBytes: number }[] {
  return [...reserves]
    .map(([quotaRoot, { room }]) => ({ quotaRoot, ...room }))
    .sort((a, b) => a.quotaRoot - b.quotaRoot)
}

const NO_IDS = { firstId: 0, ids: 0 }

function requireBounds(request: RequestOf<typeof method>): void {
  const { first, principals, operations, ids, names, diskBytes } = request
  if (first < 1) throw new FsError('INVALID_ARGUMENT', `operations are numbered from 1, not from ${first}`)
  if (operations.length > BATCH_OPERATIONS_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a batch has at most ${BATCH_OPERATIONS_MAX} operations`)
  }
  if (principals.length > PRINCIPALS_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a batch has at most ${PRINCIPALS_MAX} principals`)
  }
  if (ids > IDS_MAX) throw new FsError('INVALID_ARGUMENT', `at most ${IDS_MAX} ids at once`)
  if (!(names >= 0 && diskBytes >= 0)) throw new FsError('INVALID_ARGUMENT', 'room wanted is no negative')
}

/** Bounded as the principals of a connection are. */
function principalOf({ user, groups, superuser }: Principal): Principal {
  for (const name of [user, ...groups]) {
    if (name === '' || Buffer.byteLength(name) > IDENTITY_BYTES_MAX) {
      throw new FsError('INVALID_ARGUMENT', `users and groups are names of 1 to ${IDENTITY_BYTES_MAX} bytes`)
    }
  }
  if (groups.length > GROUPS_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a principal has at most ${GROUPS_MAX} groups`)
  }
  return { user, groups: groups.length > 0 ? groups : [user], superuser }
}

/** Applies the operation that is next; answers what it failed with. */
function applyOne(
  tx: Tx,
  context: CommandContext,
  queue: LeaseQueue,
  principals: readonly Principal[],
  queued: QueuedCommand,
): Failure | undefined {
  const { operation, body, refusal, inodeId } = queued
  if (operation === undefined) return refusal
  const { user, groups, superuser } = principals[queued.principal] as Principal
  const { seconds, nanos } = timeOf(context, queue, queued)
  const { clientId, index } = context
  try {
    requireQueuedLeases(tx, queue, queued)
    if (operation === mkdir) requireBirth(queue)
    operation.apply(tx, { user, groups, superuser, clientId, index, seconds, nanos }, body)
  } catch (error) {
    if (!isFsError(error)) throw error
    return failureOf(error)
  }
  if (operation === mkdir) tx.leases.grant(queue, inodeId)
  queue.applied += 1
  queue.seconds = seconds
  queue.nanos = nanos
  tx.leases.markDirty(queue)
  return undefined
}

function requireBirth(queue: LeaseQueue): void {
  if (queue.leases.size < BORN_LEASES_MAX) return
  throw new FsError('BUSY', `the queue holds ${BORN_LEASES_MAX} directories: give some back first`)
}

/** The sender's clock counts between the operation before and now. */
function timeOf(
  now: CommandContext,
  queue: LeaseQueue,
  queued: QueuedCommand,
): { readonly seconds: number; readonly nanos: number } {
  let { seconds, nanos } = queued
  if (seconds < now.seconds - AGE_SECONDS_MAX) [seconds, nanos] = [now.seconds - AGE_SECONDS_MAX, now.nanos]
  if (isBefore(seconds, nanos, queue.seconds, queue.nanos)) [seconds, nanos] = [queue.seconds, queue.nanos]
  if (isBefore(now.seconds, now.nanos, seconds, nanos)) [seconds, nanos] = [now.seconds, now.nanos]
  return { seconds, nanos }
}

function isBefore(seconds: number, nanos: number, otherSeconds: number, otherNanos: number): boolean {
  return seconds < otherSeconds || (seconds === otherSeconds && nanos < otherNanos)
}

function end(tx: Tx, queue: LeaseQueue, failed: Failure): void {
  queue.failure = failed
  tx.leases.dropAll(queue)
  tx.leases.markDirty(queue)
}
