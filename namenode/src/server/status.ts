/** The namenode's account of itself, for operators. */
import { RECLAIM_INODE, ROOT_INODE } from '@hopbine/common/base/ids.ts'
import type { status } from '@hopbine/common/protocol/cluster.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { Parts } from './parts.ts'

export function statusReport(parts: Parts): ResponseOf<typeof status> {
  const { replica, checkpointer, datanodes, housekeeping, host, startedMs } = parts
  const { state, machine, log } = replica
  const d = state.directories
  const root = d.slotOf(ROOT_INODE)
  const reclaim = d.slotOf(RECLAIM_INODE)
  const usage = process.cpuUsage()
  const page = state.db.pragma('page_count', { simple: true }) as number
  const pageBytes = state.db.pragma('page_size', { simple: true }) as number
  return {
    clusterId: state.meta.clusterId,
    shard: state.meta.shard,
    term: replica.term,
    appliedIndex: machine.appliedIndex,
    durableIndex: checkpointer.durableIndex,
    files: d.files[root] as number,
    directories: (d.directories[root] as number) + 1,
    bytes: d.bytes[root] as number,
    diskBytes: d.diskBytes[root] as number,
    sessions: state.sessions.count,
    openFiles: state.sessions.openFiles,
    reclaimPending: (d.files[reclaim] as number) + (d.directories[reclaim] as number),
    tombstones: state.tombstones.count,
    logBytes: log.bytes,
    storeBytes: page * pageBytes + checkpointer.walBytes,
    residentBytes: process.memoryUsage.rss(),
    readOnlyReason: housekeeping.readOnlyReason,
    datanodes: datanodes.report(),
    fsyncs: log.syncs,
    cpuMicros: usage.user + usage.system,
    uptimeMs: Math.round(host.clock.monotonicMs() - startedMs),
    rewritesPending: parts.rewrites.pending,
    leases: parts.leases.report(),
  }
}
