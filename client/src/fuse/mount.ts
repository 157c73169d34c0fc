/**
 * One mount from its beginning to its end: connects, mounts, serves the kernel, and unmounts. It handles no
 * signals and prints nothing; the command does.
 */

import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { within } from '@hopbine/common/base/within.ts'
import { CACHE_MS } from '@hopbine/common/protocol/cache-interest.ts'
import { endSession, stat } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { BlockPool } from '../blocks/block-pool.ts'
import { connectSession } from '../fs/find-server.ts'
import { LeaseRenewer } from '../fs/lease-renewer.ts'
import type { ConnectOptions } from '../fs/options.ts'
import { resolvePath } from '../fs/paths.ts'
import { handInJournal } from '../leases/hand-in.ts'
import { LeasedNamespace } from '../leases/leased-namespace.ts'
import { AccessTimes } from './filesystem/access-times.ts'
import { HandleTable } from './filesystem/handle-table.ts'
import { Identity } from './filesystem/identity.ts'
import { Invalidator } from './filesystem/invalidation.ts'
import { KernelCache } from './filesystem/kernel-cache.ts'
import { MountContext } from './filesystem/mount-context.ts'
import { MountLocks } from './filesystem/mount-locks.ts'
import { MountService } from './filesystem/mount-service.ts'
import { NodeTable } from './filesystem/node-table.ts'
import { OpenInodes } from './filesystem/open-inodes.ts'
import { Device, type ReaderKind } from './session/device.ts'
import { hasEventLoopReader } from './session/event-loop-reader.ts'
import { mountDevice, prepareMountPoint, setReadAhead, unmountSoon } from './session/mount-point.ts'
import { FuseSession } from './session/session.ts'

export interface MountOptions {
  readonly connect: ConnectOptions
  /** Directory of Hopbine that becomes the top of the mount; absolute. */
  readonly path: string
  /** Empty directory of this machine. */
  readonly directory: string
  readonly readOnly: boolean
  /** Everyone on this machine may enter, each with the own rights; otherwise only who mounted. */
  readonly allowOther: boolean
  readonly suid: boolean
  readonly devices: boolean
  /** How long a call waits for a namenode that is away before it fails with EIO, in milliseconds. */
  readonly timeoutMs: number
  /** How long the kernel may use entries and attributes without asking, in milliseconds, 0 … 1,000. */
  readonly cacheMs: number
  /** Reading moves the access times of files, as relatime(8) has it. */
  readonly accessTimes: boolean
  readonly reader: ReaderKind | 'best'
  /** Where operations are written down that were answered under directory leases; absent: without leases. */
  readonly journal: { readonly path: string; readonly owner: string } | undefined
  /** Journals of daemons that are known to be dead: what they hold is committed. */
  readonly deadJournals: readonly string[]
  /** Sessions of daemons that are known to be dead: what they hold is given up. */
  readonly deadSessions: readonly string[]
  readonly logger: Logger
}

/** File range that the kernel reads ahead, in KiB: several of the largest reads, so that they overlap. */
const READ_AHEAD_KIB = 4096
/** A mount that was told to end is gone after so long at the latest, in milliseconds. */
const END_MS = 12_000
/** Of these, how long files that are still open may take to be saved, before the unmount and after it. */
const FIRST_SAVE_MS = 7_000
const LAST_SAVE_MS = 10_000
/** How long umount(8) may take; the kernel may ask us about the mount point, and we the namenode. */
const UNMOUNT_MS = 1_500
/** How long calls of programs that use the mount may still take after it was taken out of the tree. */
const LEAVE_MS = 500
/** What is kept for taking leave of the namenode, in milliseconds. */
const FAREWELL_MS = 1_000

export class Mount {
  /** Real path of the mount point. */
  readonly directory: string
  /** Its session at the namenode. */
  get clientId(): string {
    return this.#context.parts.rpc.clientId
  }

  /** Who the mount is at the namenode. */
  readonly user: string
  readonly reader: ReaderKind
  /** Resolves when the mount is gone and everything is saved; rejects when the device failed. */
  readonly ended: Promise<void>
  readonly #session: FuseSession
  readonly #invalidator: Invalidator
  readonly #context: MountContext
  /** When it is gone at the latest, by the monotonic clock; undefined while nobody has told it to end. */
  #endsAtMs: number | undefined
  #leave: (() => void) | undefined

  private constructor(parts: {
    directory: string
    user: string
    reader: ReaderKind
    session: FuseSession
    invalidator: Invalidator
    context: MountContext
    close: (farewellMs: number) => Promise<void>
  }) {
    this.directory = parts.directory
    this.user = parts.user
    this.reader = parts.reader
    this.#session = parts.session
    this.#invalidator = parts.invalidator
    this.#context = parts.context
    this.ended = this.#untilEnd(parts.close)
  }

  /** Mounts. Throws FsError with a sentence about what is missing. */
  static async start(options: MountOptions): Promise<Mount> {
    const directory = await prepareMountPoint(options.directory)
    const context = await connectContext(options)
    const { rpc, session } = context.parts
    const close = (): void => {
      session.leases.stop()
      context.parts.openInodes.stop()
      session.blocks.close()
      rpc.close()
    }
    try {
      const { user } = await rpc.welcome()
      const reader = readerOf(options.reader)
      const fuse = await startSession(options, directory, context, reader, close)
      return new Mount({ directory, user, reader, ...fuse, context })
    } catch (error) {
      close()
      throw error
    }
  }

  /** Counters and sizes, for people and programs that watch. */
  figures(): Record<string, unknown> {
    const { nodes, handles } = this.#context.parts
    return {
      ...this.#session.counters.toJSON(),
      inFlight: this.#session.inFlight,
      nodes: nodes.count,
      openFiles: nodes.openCount,
      handles: handles.count,
      heldBytes: this.#context.writeMemory.bytes,
      locks: this.#context.parts.locks.figures(),
      invalidations: this.#invalidator.figures(),
      accessTimesLost: this.#context.parts.accessTimes.lost,
      ...(this.#context.parts.leases === undefined ? {} : { leases: this.#context.parts.leases.figures() }),
      residentBytes: process.memoryUsage.rss(),
    }
  }

  /**
   * Saves everything and unmounts, also while the mount is in use: then users of open files get ENOTCONN. It
   * takes no longer than 15 s, also while the namenode is away; the log says what is left to the next mount.
   */
  async stop(): Promise<void> {
    const { logger } = this.#context.parts
    this.#endsAtMs = performance.now() + END_MS
    await this.#inTime(this.#context.syncAll(), FIRST_SAVE_MS)
    try {
      await unmountSoon(this.directory, UNMOUNT_MS)
    } catch (error) {
      if (!isFsError(error)) throw error
      logger.error({ message: error.message }, 'not-unmounted')
    }
    await within(this.#session.ended, LEAVE_MS)
    this.#leave?.()
  }

  async #untilEnd(close: (farewellMs: number) => Promise<void>): Promise<void> {
    const left = new Promise<void>(resolve => {
      this.#leave = resolve
    })
    try {
      // Programs that go on using what was taken out of the tree keep the kernel's side of it.
      await Promise.race([this.#session.ended, left])
      await this.#save()
    } finally {
      await close(FAREWELL_MS)
    }
  }

  /** Everything that was answered is committed, and what was leased is given back. */
  async #save(): Promise<void> {
    const leftMs = (this.#endsAtMs ?? Number.POSITIVE_INFINITY) - performance.now() - FAREWELL_MS
    const untilMs = performance.now() + Math.min(leftMs, LAST_SAVE_MS)
    await this.#inTime(this.#context.syncAll(), untilMs - performance.now())
    await this.#context.parts.leases?.finish(Math.max(untilMs - performance.now(), FAREWELL_MS))
  }

  async #inTime(saving: Promise<void>, ms: number): Promise<void> {
    try {
      if (await within(saving, ms)) return
      this.#context.parts.logger.warn({ ms: Math.round(ms) }, 'saving-takes-too-long')
    } catch (error) {
      this.#context.tellLateFailure(0, error)
    }
  }
}

async function connectContext(options: MountOptions): Promise<MountContext> {
  const { connect, timeoutMs, logger } = options
  const rpc = await connectSession({ ...connect, retryMs: timeoutMs })
  try {
    const who = await rpc.welcome()
    if (who.superuser) await takeOver(options, rpc)
    const path = resolvePath('/', options.path)
    const { status } = await rpc.call(stat, { path, followLast: true })
    if (status.kind !== KIND.directory) {
      throw new FsError('NOT_A_DIRECTORY', `${path} is not a directory of Hopbine`, { path })
    }
    const openInodes = new OpenInodes(rpc)
    const nodes = new NodeTable(status.id, openInodes)
    const leases = who.superuser && !options.readOnly ? await openLeases(options, rpc, nodes) : undefined
    const client = leases ?? rpc
    await openInodes.start()
    return new MountContext({
      session: { rpc: client, blocks: new BlockPool(), leases: new LeaseRenewer(rpc), home: '/', umask: 0 },
      rpc: client,
      leases,
      logger,
      nodes,
      openInodes,
      locks: new MountLocks({ rpc, nodes, logger }),
      handles: new HandleTable(),
      identity: new Identity(),
      cache: new KernelCache(Math.min(options.cacheMs, CACHE_MS)),
      accessTimes: new AccessTimes(client, options.readOnly || !options.accessTimes),
      rootInode: status.id,
      isOperator: who.superuser,
    })
  } catch (error) {
    rpc.close()
    throw error
  }
}

/** What daemons that are gone had answered is committed first; then what they held is given up. */
async function takeOver({ deadJournals, deadSessions, logger }: MountOptions, rpc: RpcClient): Promise<void> {
  for (const path of deadJournals) await handInJournal(rpc, path, logger)
  for (const clientId of deadSessions) await rpc.call(endSession, { clientId })
}

async function openLeases(
  { journal, logger }: MountOptions,
  rpc: RpcClient,
  nodes: NodeTable,
): Promise<LeasedNamespace | undefined> {
  if (journal === undefined) return undefined
  return LeasedNamespace.open({
    rpc,
    journalPath: journal.path,
    owner: journal.owner,
    logger,
    isOpenForWriting: inodeId => nodes.openFile(inodeId)?.isOpenForWriting === true,
  })
}

async function startSession(
  options: MountOptions,
  directory: string,
  context: MountContext,
  reader: ReaderKind,
  close: () => void,
): Promise<{ session: FuseSession; invalidator: Invalidator; close: (farewellMs: number) => Promise<void> }> {
  const { logger, readOnly, allowOther, suid, devices } = options
  const device = Device.open(reader)
  try {
    const session = new FuseSession({ device, logger }, new MountService(context))
    // Whoever waits for the mount hears of its end; until then nobody does.
    session.ended.catch(() => undefined)
    session.agreed.catch(() => undefined)
    context.counters = session.counters
    context.notify = message => void device.write([message])
    context.notifyInPool = message => device.writeInPool(message)
    const { rpc, nodes, cache } = context.parts
    const invalidator = new Invalidator({ rpc, nodes, cache, device })
    // Before the kernel asks anything: the namenode remembers only what it tells from then on.
    if (cache.cacheMs > 0) await invalidator.start()
    await context.parts.locks.session.start()
    const source = `hopbine:${options.path}`
    await mountDevice(device.fd, { directory, source, readOnly, allowOther, suid, devices })
    session.start()
    await session.agreed
    await setReadAhead(directory, READ_AHEAD_KIB)
    return {
      session,
      invalidator,
      close: async farewellMs => {
        device.close()
        const farewells = [context.parts.locks.session.end()]
        if (cache.cacheMs > 0) farewells.push(invalidator.end())
        await within(Promise.all(farewells), farewellMs)
        close()
      },
    }
  } catch (error) {
    device.close()
    throw error
  }
}

function readerOf(wanted: ReaderKind | 'best'): ReaderKind {
  if (wanted !== 'best') return wanted
  return hasEventLoopReader() ? 'event-loop' : 'thread-pool'
}
