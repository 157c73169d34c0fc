/**
 * What a namenode has while it leads: the soft state that serves clients. It begins anew with each
 * leadership, since nobody knows what an earlier leader told or granted besides what stands in the log, and
 * ends with it.
 */
import { Datanodes } from '../placement/datanodes.ts'
import { CACHES_MARK, CachingMark, OPENS_MARK } from './caching-mark.ts'
import { ChangeWaiters } from './change-waiters.ts'
import { Housekeeping } from './housekeeping.ts'
import { Interests } from './interests.ts'
import { LeaseGate } from './leases/lease-gate.ts'
import { addLeaseMetrics } from './leases/lease-metrics.ts'
import { DIRECTORY_LEASE_TIMES, type DirectoryLeaseTimes } from './leases/lease-times.ts'
import { Locks } from './locks/locks.ts'
import { RememberedSessions } from './locks/remembered-sessions.ts'
import { OpenFiles } from './open-files.ts'
import type { Foundation, Parts } from './parts.ts'
import { Rewrites } from './rewrites.ts'
import { ALWAYS, SuccessorNotes } from './successor-notes.ts'
import { LEASE_TIMES, type LeaseTimes, Writers } from './writers.ts'

export interface LeadershipConfig {
  /** Writes are refused while less is free on the disk, in bytes. Default 384 MiB. */
  readonly reserveBytes?: number
  readonly leaseTimes?: LeaseTimes
  readonly directoryLeaseTimes?: DirectoryLeaseTimes
  /** How long sessions may take after a restart to say what they have open, in milliseconds. */
  readonly openGraceMs?: number
}

const RESERVE_BYTES = 384 * 1024 * 1024

/** The replica leads by now. */
export function beginLeadership(config: LeadershipConfig, foundation: Foundation): Parts {
  const { host, logger, replica, checkpointer, folder, members } = foundation
  const { state } = replica
  const writers = new Writers(host.clock, state.sessions, config.leaseTimes ?? LEASE_TIMES)
  const notes = members === undefined ? undefined : new SuccessorNotes(replica, logger)
  const datanodes = new Datanodes(
    host.clock,
    () => state.datanodes.all,
    state.meta.capabilityKey,
    () => state.meta.capabilityEpoch,
  )
  const interests = new Interests(host, state, notes?.caches ?? new CachingMark(folder, CACHES_MARK))
  const housekeeping = new Housekeeping({
    replica,
    writers,
    host,
    logger,
    folder,
    isCheckpointing: () => checkpointer.isRunning,
    reserveBytes: config.reserveBytes ?? RESERVE_BYTES,
  })
  const times = config.directoryLeaseTimes ?? DIRECTORY_LEASE_TIMES
  const remembered = (): RememberedSessions =>
    new RememberedSessions(folder, ({ message }) =>
      logger.warn({ message }, 'sessions-with-locks-not-written'),
    )
  return {
    ...foundation,
    writers,
    datanodes,
    rewrites: new Rewrites(host, state, datanodes),
    housekeeping,
    leases: new LeaseGate({ host, logger, replica, housekeeping, interests, times }),
    waiters: new ChangeWaiters(host.timers),
    interests,
    openFiles: openFilesOf(config, foundation, writers),
    locks: new Locks(host, notes?.lockSessions ?? remembered(), replica.term),
  }
}

function openFilesOf(
  { openGraceMs }: LeadershipConfig,
  { host, logger, replica, folder, members }: Foundation,
  writers: Writers,
): OpenFiles {
  // What sessions have open is said again to each leader of a group; until then everything is kept.
  const mark = members === undefined ? new CachingMark(folder, OPENS_MARK) : ALWAYS
  const grace = openGraceMs === undefined ? {} : { graceMs: openGraceMs }
  return new OpenFiles({ host, logger, replica, writers, mark, ...grace })
}

export function endLeadership(parts: Parts): void {
  parts.housekeeping.stop()
  parts.rewrites.stop()
  parts.interests.stop()
  parts.openFiles.stop()
  parts.locks.stop()
  parts.leases.stop()
}

/** Figures of the soft state; 0 while this namenode does not lead. */
export function addLeadershipMetrics({ metrics }: Foundation, leading: () => Parts | undefined): void {
  const gauge = (name: string, help: string, read: (parts: Parts) => number): void => {
    metrics.gauge(name, help, () => {
      const parts = leading()
      return parts === undefined ? 0 : read(parts)
    })
  }
  gauge('rewrites_pending', 'Files that wait to be rewritten.', ({ rewrites }) => rewrites.pending)
  gauge('caching_sessions', 'Sessions whose caches are kept true.', ({ interests }) => interests.count)
  gauge(
    'invalidations',
    'Changes that sessions with caches were told of.',
    ({ interests }) => interests.pushes,
  )
  gauge('invalidation_waits', 'Answers that waited for caches.', ({ interests }) => interests.waits)
  gauge('open_inodes', 'Inodes that sessions say they have open.', ({ openFiles }) => openFiles.count)
  addLeaseMetrics(metrics, () => leading()?.leases)
  gauge('locks_held', 'Pieces of file locks held, besides delegated ones.', ({ locks }) => locks.figures.held)
  gauge('lock_waiters', 'Requests that wait for a file lock.', ({ locks }) => locks.figures.waiting)
  gauge('lock_delegations', 'Inodes whose locks a session decides.', ({ locks }) => locks.figures.delegations)
  gauge('lock_recalls', 'Delegations of locks that others asked for.', ({ locks }) => locks.figures.recalls)
  gauge('lock_sessions', 'Sessions that may hold file locks.', ({ locks }) => locks.figures.sessions)
}

/** Figures of the replica itself. */
export function addReplicaMetrics({ metrics, replica }: Foundation): void {
  const { state, machine, log } = replica
  metrics.gauge('applied_index', 'Last log entry whose effects reads see.', () => machine.appliedIndex)
  metrics.gauge('pending_writes', 'Writes proposed and not yet applied.', () => replica.pending)
  metrics.gauge('log_fsyncs', 'Times the log was made durable.', () => log.syncs)
  metrics.gauge('directories', 'Directories in the packed table.', () => state.directories.count)
  metrics.gauge('term', 'Term of the group.', () => replica.term)
  metrics.gauge('leads', '1 while this namenode leads.', () => (replica.isLeader ? 1 : 0))
  metrics.gauge('committed_index', 'Last log entry known to be committed.', () => replica.consensus.committed)
}
