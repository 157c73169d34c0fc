/**
 * Composition root of the namenode: opens the store and the log, replays, starts serving, and stops in order.
 * Nothing in this workspace imports it.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { FsError } from '@hopbine/common/base/errors.ts'
import { realHost } from '@hopbine/common/base/host-real.ts'
import { type LogFormat, makeLogger } from '@hopbine/common/base/log.ts'
import { RpcServer } from '@hopbine/common/rpc/server.ts'
import { realLogDisk } from '../log/log-disk.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import { Datanodes } from '../placement/datanodes.ts'
import { Checkpointer } from '../replica/checkpointer.ts'
import { Replica } from '../replica/replica.ts'
import { openDatabase } from '../store/database.ts'
import { Tx } from '../store/tx.ts'
import { Backups } from './backups.ts'
import { CACHES_MARK, CachingMark, OPENS_MARK } from './caching-mark.ts'
import { ChangeWaiters } from './change-waiters.ts'
import { waitForSpace } from './disk-space.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import { Housekeeping } from './housekeeping.ts'
import { Interests } from './interests.ts'
import { LeaseGate } from './leases/lease-gate.ts'
import { addLeaseMetrics } from './leases/lease-metrics.ts'
import { DIRECTORY_LEASE_TIMES, type DirectoryLeaseTimes } from './leases/lease-times.ts'
import { Locks } from './locks/locks.ts'
import { RememberedSessions } from './locks/remembered-sessions.ts'
import { Metrics } from './metrics.ts'
import { OpenFiles } from './open-files.ts'
import type { Parts } from './parts.ts'
import { Rewrites } from './rewrites.ts'
import { Service } from './service.ts'
import { LEASE_TIMES, type LeaseTimes, Writers } from './writers.ts'

export interface NamenodeConfig {
  /** Folder of the shard's log and store; made if missing. */
  readonly dataDir: string
  /** Where the operator's Unix socket goes; its folder must be closed to others. */
  readonly socketPath: string
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** File with the token that TCP connections must show. */
  readonly tokenFile: string
  /** Absent: no metrics; 0: a free port. */
  readonly metricsPort?: number
  readonly logLevel: string
  readonly logFormat?: LogFormat
  /** SQLite page cache, in KiB. Default 98,304. */
  readonly cacheKiB?: number
  /** Writes are refused while less is free on the disk, in bytes. Default 384 MiB. */
  readonly reserveBytes?: number
  /** How long change events are kept, in seconds. Default one day. */
  readonly changeKeepSeconds?: number
  /** How long dropped blocks are kept for a restored backup, in seconds. Default one day. */
  readonly backupHoldSeconds?: number
  readonly leaseTimes?: LeaseTimes
  readonly directoryLeaseTimes?: DirectoryLeaseTimes
  /** How long sessions may take after a restart to say what they have open, in milliseconds. */
  readonly openGraceMs?: number
  /** Called when the process must stop at once. Default: exit with code 1. */
  readonly onFatal?: (error: Error) => void
}

export interface Namenode {
  readonly socketPath: string
  readonly host: string
  readonly port: number
  readonly metricsPort: number | undefined
  /** Answers what is in flight, commits, and closes. */
  stop(): Promise<void>
}

const ROOT_SHARD = 0
const CACHE_KIB = 96 * 1024
const RESERVE_BYTES = 384 * 1024 * 1024
const DAY_SECONDS = 24 * 3600
/** Change events are dropped before their time when they take more, in bytes. */
const CHANGE_KEEP_BYTES = 2 * 1024 * 1024 * 1024

export async function startNamenode(config: NamenodeConfig): Promise<Namenode> {
  const folder = join(config.dataDir, `shard-${ROOT_SHARD}`)
  mkdirSync(folder, { recursive: true })
  const lock = lockFolder(config.dataDir)
  try {
    return await startLocked(config, folder, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

async function startLocked(config: NamenodeConfig, folder: string, lock: FolderLock): Promise<Namenode> {
  const logger = makeLogger('namenode', config.logLevel, config.logFormat)
  const host = realHost()
  const databasePath = join(folder, 'store.db')
  await waitForSpace(folder, logger)
  const state = openState(config, databasePath)
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')))
  await log.open(state.meta.appliedIndexAtOpen, state.meta.appliedTermAtOpen)
  if (log.tornBytes > 0) logger.warn({ bytes: log.tornBytes }, 'torn-log-end-cut')

  const onFatal = (error: Error): void => {
    logger.fatal({ message: error.message, stack: error.stack }, 'namenode-must-stop')
    if (config.onFatal === undefined) process.exit(1)
    config.onFatal(error)
  }
  let service: Service | undefined
  const replica = new Replica({ host, state, log, logger, onFatal, onApplied: () => service?.applied() })
  const checkpointer = new Checkpointer(replica, databasePath, host, logger)
  const parts = makeParts(config, { host, logger, replica, checkpointer, folder })
  await parts.housekeeping.checkSpace()
  await replica.beginTerm()
  service = new Service(parts)

  const server = new RpcServer(service)
  await server.listenUnix(config.socketPath)
  const port = await server.listenTcp(config.host, config.port)
  const metricsPort =
    config.metricsPort === undefined ? undefined : await parts.metrics.listen(config.host, config.metricsPort)
  logger.info({ port, socket: config.socketPath, inodes: state.directories.count }, 'namenode-ready')
  return {
    socketPath: config.socketPath,
    host: config.host,
    port,
    metricsPort,
    async stop() {
      parts.housekeeping.stop()
      parts.rewrites.stop()
      parts.interests.stop()
      parts.openFiles.stop()
      parts.locks.stop()
      parts.leases.stop()
      await server.close()
      await parts.metrics.stop()
      await replica.stop()
      const isClean = await checkpointer.stop()
      await log.close()
      // Closing the last connection would copy a large WAL after all.
      if (isClean) state.db.close()
      lock.release()
    },
  }
}

function openState(config: NamenodeConfig, databasePath: string): Tx {
  const { username } = userInfo()
  const db = openDatabase(
    databasePath,
    { cacheKiB: config.cacheKiB ?? CACHE_KIB },
    {
      shard: ROOT_SHARD,
      clusterId: randomBytes(8).toString('hex'),
      capabilityKey: randomBytes(32),
      owner: username,
      group: username,
      seconds: Math.floor(realHost().clock.wall().seconds),
    },
  )
  return new Tx(db, { seconds: config.changeKeepSeconds ?? DAY_SECONDS, bytes: CHANGE_KEEP_BYTES })
}

type Foundation = Pick<Parts, 'host' | 'logger' | 'replica' | 'checkpointer'> & { readonly folder: string }

function makeParts(config: NamenodeConfig, foundation: Foundation): Parts {
  const { host, logger, replica, checkpointer, folder } = foundation
  const { state } = replica
  const writers = new Writers(host.clock, state.sessions, config.leaseTimes ?? LEASE_TIMES)
  const metrics = new Metrics()
  metrics.gauge(
    'applied_index',
    'Last log entry whose effects reads see.',
    () => replica.machine.appliedIndex,
  )
  metrics.gauge('pending_writes', 'Writes proposed and not yet applied.', () => replica.pending)
  metrics.gauge('log_fsyncs', 'Times the log was made durable.', () => replica.log.syncs)
  metrics.gauge('directories', 'Directories in the packed table.', () => state.directories.count)
  const datanodes = new Datanodes(
    host.clock,
    () => state.datanodes.all,
    state.meta.capabilityKey,
    () => state.meta.capabilityEpoch,
  )
  const rewrites = new Rewrites(host, state, datanodes)
  metrics.gauge('rewrites_pending', 'Files that wait to be rewritten.', () => rewrites.pending)
  const interests = new Interests(host, state, new CachingMark(folder, CACHES_MARK))
  metrics.gauge('caching_sessions', 'Sessions whose caches are kept true.', () => interests.count)
  metrics.gauge('invalidations', 'Changes that sessions with caches were told of.', () => interests.pushes)
  metrics.gauge('invalidation_waits', 'Answers that waited for caches.', () => interests.waits)
  const openFiles = makeOpenFiles(config, { ...foundation, writers, metrics })
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
  const leases = new LeaseGate({ host, logger, replica, housekeeping, interests, times })
  addLeaseMetrics(metrics, leases)
  const remembered = new RememberedSessions(folder, ({ message }) =>
    logger.warn({ message }, 'sessions-with-locks-not-written'),
  )
  const locks = new Locks(host, remembered, replica.term)
  metrics.gauge('locks_held', 'Pieces of file locks held, besides delegated ones.', () => locks.figures.held)
  metrics.gauge('lock_waiters', 'Requests that wait for a file lock.', () => locks.figures.waiting)
  metrics.gauge('lock_delegations', 'Inodes whose locks a session decides.', () => locks.figures.delegations)
  metrics.gauge('lock_recalls', 'Delegations of locks that others asked for.', () => locks.figures.recalls)
  metrics.gauge('lock_sessions', 'Sessions that may hold file locks.', () => locks.figures.sessions)
  const holdSeconds = config.backupHoldSeconds ?? DAY_SECONDS
  return {
    host,
    logger,
    replica,
    checkpointer,
    writers,
    metrics,
    datanodes,
    rewrites,
    housekeeping,
    leases,
    waiters: new ChangeWaiters(host.timers),
    interests,
    openFiles,
    locks,
    backups: new Backups(join(folder, 'backups'), checkpointer, host.timers),
    token: readToken(config.tokenFile),
    droppableSince: () => host.clock.wall().seconds - holdSeconds,
  }
}

function makeOpenFiles(
  { openGraceMs }: NamenodeConfig,
  { host, logger, replica, folder, writers, metrics }: Foundation & Pick<Parts, 'writers' | 'metrics'>,
): OpenFiles {
  const mark = new CachingMark(folder, OPENS_MARK)
  const grace = openGraceMs === undefined ? {} : { graceMs: openGraceMs }
  const openFiles = new OpenFiles({ host, logger, replica, writers, mark, ...grace })
  metrics.gauge('open_inodes', 'Inodes that sessions say they have open.', () => openFiles.count)
  return openFiles
}

function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim()
  if (token.length < 32)
    throw new FsError('INVALID_ARGUMENT', `${path} must hold a token of at least 32 characters`)
  return token
}
