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
import { type LogFormat, type Logger, makeLogger } from '@hopbine/common/base/log.ts'
import { NodeCredentials } from '@hopbine/common/pki/credentials.ts'
import { type Member, Members } from '../cluster/members.ts'
import { Transport } from '../cluster/transport.ts'
import { realLogDisk } from '../log/log-disk.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { MemberId, Message } from '../raft/messages.ts'
import { Checkpointer } from '../replica/checkpointer.ts'
import { Replica } from '../replica/replica.ts'
import { openDatabase } from '../store/database.ts'
import { Tx } from '../store/tx.ts'
import { Backups } from './backups.ts'
import { waitForSpace } from './disk-space.ts'
import { type FolderLock, lockFolder } from './folder-lock.ts'
import type { LeadershipConfig } from './leadership.ts'
import { firstStateOf, noteBegun, readMembership } from './membership.ts'
import { Metrics } from './metrics.ts'
import type { Foundation } from './parts.ts'
import { RunningNamenode, type TlsMode } from './running-namenode.ts'

import { SnapshotFetch } from './snapshot-fetch.ts'
import { installFetched } from './snapshot-install.ts'

export interface NamenodeConfig extends LeadershipConfig {
  /** Folder of the shard's log and store; made if missing. */
  readonly dataDir: string
  /** Where the operator's Unix socket goes; its folder must be closed to others. */
  readonly socketPath: string
  readonly host: string
  /** 0 takes a free port. */
  readonly port: number
  /** File with the token that TCP connections must show. */
  readonly tokenFile: string
  /** Absent: no TLS. */
  readonly tls?: TlsMode | undefined
  /** Absent: no metrics; 0: a free port. */
  readonly metricsPort?: number
  readonly logLevel: string
  readonly logFormat?: LogFormat
  /** SQLite page cache, in KiB. Default 98,304. */
  readonly cacheKiB?: number
  /** How long change events are kept, in seconds. Default one day. */
  readonly changeKeepSeconds?: number
  /** How long dropped blocks are kept for a restored backup, in seconds. Default one day. */
  readonly backupHoldSeconds?: number
  /**
   * Where all members of the group listen; absent: the namenode is alone. Its folder says which one it is.
   */
  readonly members?: readonly Member[]
  /** Log that a member of a group keeps for others that were away, in bytes. Default 1 GiB. */
  readonly keptLogBytes?: number
  /** Default 32 MiB. */
  readonly logSegmentBytes?: number
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
  const members = membersOf(config)
  await waitForSpace(folder, logger)
  if (members !== undefined) await installFetched(folder, logger)
  const state = openState(config, databasePath)
  const log = await openLog(config, folder, state, logger)

  const onFatal = fatalOf(config, logger)
  const token = readToken(config.tokenFile)
  const credentials = config.tls === undefined ? undefined : await NodeCredentials.load(config.tls.folder)
  const tls = config.tls?.mode === 'on' ? credentials?.dialer('namenode') : undefined
  const { shard, clusterId } = state.meta
  let replica: Replica | undefined
  const onGone = (id: MemberId): void => replica?.noteGone(id)
  const transport = members && new Transport({ members, token, tls, clusterId, logger, onGone })
  const send = (message: Message): void => transport?.send(shard, message)
  const snapshots = members && new SnapshotFetch({ members, token, tls, folder, logger, onFatal })
  let running: RunningNamenode | undefined
  replica = new Replica({
    host,
    state,
    log,
    logger,
    onFatal,
    onApplied: () => running?.door.applied(),
    onLeading: () => running?.lead(),
    onDeposed: () => running?.follow(),
    onSnapshotNeeded: leader => snapshots?.need(leader),
    keptLogBytes: config.keptLogBytes,
    ...(members === undefined ? {} : { group: { self: members.self, voters: members.voters, send } }),
  })
  const checkpointer = new Checkpointer(replica, databasePath, host, logger)
  const holdSeconds = config.backupHoldSeconds ?? DAY_SECONDS
  const foundation: Foundation = {
    host,
    logger,
    replica,
    checkpointer,
    backups: new Backups(join(folder, 'backups'), checkpointer, host.timers),
    metrics: new Metrics(),
    token,
    credentials,
    folder,
    members,
    startedMs: host.clock.monotonicMs(),
    droppableSince: () => host.clock.wall().seconds - holdSeconds,
  }
  running = new RunningNamenode(config, foundation, onFatal)
  const { port, metricsPort } = await running.listen()
  logger.info({ port, socket: config.socketPath, inodes: state.directories.count }, 'namenode-ready')
  return {
    socketPath: config.socketPath,
    host: config.host,
    port,
    metricsPort,
    async stop() {
      await running.stop()
      transport?.close()
      await replica.stop()
      const isClean = await checkpointer.stop()
      await log.close()
      // Closing the last connection would copy a large WAL after all.
      if (isClean) state.db.close()
      lock.release()
    },
  }
}

async function openLog(
  { logSegmentBytes }: NamenodeConfig,
  folder: string,
  { meta }: Tx,
  logger: Logger,
): Promise<SegmentedLog> {
  const log = new SegmentedLog(realLogDisk(join(folder, 'log')), logSegmentBytes)
  await log.open(meta.appliedIndexAtOpen, meta.appliedTermAtOpen)
  if (log.tornBytes > 0) logger.warn({ bytes: log.tornBytes }, 'torn-log-end-cut')
  if (log.letGo.length > 0) logger.warn({ segments: log.letGo }, 'damaged-log-let-go')
  return log
}

/** What happens when nothing may be trusted any more. */
function fatalOf(config: NamenodeConfig, logger: Logger): (error: Error) => void {
  return error => {
    logger.fatal({ message: error.message, stack: error.stack }, 'namenode-must-stop')
    if (config.onFatal === undefined) process.exit(1)
    config.onFatal(error)
  }
}

/** Who this namenode is in its group; undefined: it is alone. Throws INVALID_ARGUMENT. */
function membersOf({ dataDir, members }: NamenodeConfig): Members | undefined {
  const membership = readMembership(dataDir)
  if (members === undefined && membership === undefined) return undefined
  if (membership === undefined) {
    throw new FsError(
      'INVALID_ARGUMENT',
      `${dataDir} does not say which member of the group it is: its state is gone, or it never was one`,
    )
  }
  if (members === undefined) {
    const what = `${dataDir} belongs to member ${membership.self} of a group`
    throw new FsError('INVALID_ARGUMENT', `${what}: say where all members are`)
  }
  return new Members(membership.self, membership.voters, members)
}

function openState(config: NamenodeConfig, databasePath: string): Tx {
  const { dataDir } = config
  const membership = readMembership(dataDir)
  const shared = membership === undefined ? undefined : firstStateOf(dataDir, membership, databasePath)
  const { username } = userInfo()
  const db = openDatabase(
    databasePath,
    { cacheKiB: config.cacheKiB ?? CACHE_KIB },
    shared ?? {
      shard: ROOT_SHARD,
      clusterId: randomBytes(8).toString('hex'),
      capabilityKey: randomBytes(32),
      owner: username,
      group: username,
      seconds: Math.floor(realHost().clock.wall().seconds),
    },
  )
  if (membership !== undefined) noteBegun(dataDir, membership)
  return new Tx(db, { seconds: config.changeKeepSeconds ?? DAY_SECONDS, bytes: CHANGE_KEEP_BYTES })
}

function readToken(path: string): string {
  const token = readFileSync(path, 'utf8').trim()
  if (token.length < 32)
    throw new FsError('INVALID_ARGUMENT', `${path} must hold a token of at least 32 characters`)
  return token
}
