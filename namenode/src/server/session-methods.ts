/** Methods that touch only soft state: waiting for changes, heartbeats, leases' liveness, status, backups. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { CHANGES_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import {
  acknowledgeInvalidations,
  CACHE_MS,
  declareCaching,
} from '@hopbine/common/protocol/cache-interest.ts'
import {
  adminCapability,
  backupBegin,
  backupEnd,
  backupRead,
  heartbeat,
  status,
} from '@hopbine/common/protocol/cluster.ts'
import { attachQueue } from '@hopbine/common/protocol/directory-leases.ts'
import { changes, renewLease } from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { declareOpenInodes } from '@hopbine/common/protocol/open-inodes.ts'
import { transferLeadership } from '@hopbine/common/protocol/raft.ts'
import type { RequestHeader, ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import { groupOf } from '../namespace/placement.ts'
import { WAIT_MS_MAX } from './change-waiters.ts'
import { handOver } from './hand-over.ts'
import { lockMethods } from './locks/lock-methods.ts'
import type { Parts } from './parts.ts'
import { statusReport } from './status.ts'

/** Tombstones handed to a datanode in one heartbeat. */
const TOMBSTONES_MAX = 1000

export interface SessionMethod {
  readonly method: Method<unknown, unknown>
  /** Only for superusers' connections. */
  readonly privileged: boolean
  /** Answers at once, or later by a promise. */
  answer(request: unknown, connection: ServerConnection, header: RequestHeader): unknown
}

export function sessionMethods(parts: Parts): ReadonlyMap<number, SessionMethod> {
  const row = <Req, Res>(
    method: Method<Req, Res>,
    privileged: boolean,
    answer: (request: Req, connection: ServerConnection, header: RequestHeader) => Res | Promise<Res>,
  ): SessionMethod => ({ method, privileged, answer: answer as SessionMethod['answer'] })
  const rows = [
    row(renewLease, false, (_request, connection) => {
      parts.writers.spoke(connection.clientId)
      return {}
    }),
    row(attachQueue, true, ({ queueId }, connection) => ({
      applied: parts.leases.attach(queueId, connection),
    })),
    row(changes, true, request => readChanges(parts, request)),
    row(declareCaching, false, ({ caching }, connection) => {
      const answer = { cacheMs: CACHE_MS }
      return parts.interests.declare(connection, caching)?.then(() => answer) ?? answer
    }),
    row(acknowledgeInvalidations, false, ({ numbers }, connection) => {
      parts.interests.acknowledge(connection, numbers)
      return {}
    }),
    row(declareOpenInodes, false, (request, connection) => {
      parts.openFiles.declare(connection.clientId, request)
      return {}
    }),
    row(heartbeat, true, request => {
      const { nodeId, badBlocks, rewriting, ...seen } = request
      parts.datanodes.heard(nodeId, seen, badBlocks)
      return {
        tombstones: tombstonesFor(parts, nodeId),
        capabilityEpoch: parts.replica.state.meta.capabilityEpoch,
        rewrites: parts.rewrites.heard(nodeId, rewriting),
      }
    }),
    row(status, true, () => statusReport(parts)),
    row(transferLeadership, true, async ({ to }) => {
      // Whoever lost its connection to the leader of before asks this one again.
      if (to !== parts.members?.self) await handOver(parts.replica, to)
      return {}
    }),
    row(adminCapability, true, (_request, _connection, header) => ({
      capability: parts.datanodes.adminCapability(header.principal.user),
    })),
    ...lockMethods(parts.locks),
    row(backupBegin, true, () => parts.backups.begin()),
    row(backupRead, true, async ({ backupId, offset, length }) => ({
      data: await parts.backups.read(backupId, offset, length),
    })),
    row(backupEnd, true, ({ backupId }) => {
      parts.backups.end(backupId)
      return {}
    }),
  ]
  return new Map(rows.map(entry => [entry.method.id, entry]))
}

type Changes = { events: ReturnType<Parts['replica']['state']['feed']['read']>; next: number; oldest: number }

async function readChanges(
  parts: Parts,
  request: { from: number; max: number; waitMs: number },
): Promise<Changes> {
  if (request.from < 0) throw new FsError('INVALID_ARGUMENT', `from ${request.from}`)
  const { feed } = parts.replica.state
  const max = Math.min(request.max || CHANGES_PAGE_MAX, CHANGES_PAGE_MAX)
  const take = (): Changes => {
    const applied = parts.replica.machine.appliedIndex
    const events = feed.read(request.from, max)
    const last = events.at(-1)
    const next = last === undefined ? Math.max(applied + 1, request.from) : last.index + 1
    return { events, next, oldest: feed.oldest(applied + 1) }
  }
  for (let waitMs = Math.min(request.waitMs, WAIT_MS_MAX); ; ) {
    const found = take()
    if (found.events.length > 0 || waitMs <= 0) return found
    const from = found.next
    const startedMs = parts.host.clock.monotonicMs()
    await new Promise<void>((resolve, reject) => {
      try {
        parts.waiters.wait(from, waitMs, resolve)
      } catch (error) {
        reject(error)
      }
    })
    waitMs -= parts.host.clock.monotonicMs() - startedMs
  }
}

function tombstonesFor(parts: Parts, nodeId: string) {
  const since = parts.droppableSince()
  return parts.replica.state.tombstones
    .page(0, since, TOMBSTONES_MAX)
    .filter(row => !row.confirmed.split(' ').includes(nodeId))
    .map(({ blockId }) => ({ blockId, group: groupOf(blockId) }))
}
