/**
 * The namenode as one mount sees it: calls about directories that the mount alone uses are answered here,
 * and handed in later; all others go to the namenode. What was answered here is in a journal, is committed
 * within a second, and before that whenever anybody else looks.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { within } from '@hopbine/common/base/within.ts'
import { attachQueue, closeQueue, LEASE_TERM_MS, recall } from '@hopbine/common/protocol/directory-leases.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { HelloResponse } from '@hopbine/common/protocol/session.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { RequestOptions, RpcCaller, RpcClient } from '@hopbine/common/rpc/client.ts'
import type { Connection } from '@hopbine/common/rpc/connection.ts'
import type { Speaker } from '@hopbine/common/rpc/principal-handles.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import { Detour } from './detour.ts'
import { footprintOf } from './footprint.ts'
import { Forwarder } from './forwarder.ts'
import { LeaseClock } from './lease-clock.ts'
import { LeaseCounters } from './lease-counters.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { LOCAL, type Local } from './local-operations.ts'
import { type LocalCaller, ROOT_CALLER_KEY } from './local-state.ts'
import { lostError } from './operation-queue.ts'
import { ReadAhead } from './read-ahead.ts'
import { figuresOf, Tenure } from './tenure.ts'

export interface LeasedNamespaceOptions {
  readonly rpc: RpcClient
  readonly journalPath: string
  /** Says in the journal whose it is. */
  readonly owner: string
  readonly logger: Logger
  /** Whether its close, which says `writeDown`, is to come. Absent: the journal knows before each answer. */
  isOpenForWriting?(inodeId: number): boolean
  /** Directories that nobody used for so long are given back, in milliseconds; default: two minutes. */
  readonly idleMs?: number
  /** The kernel may hold what is not true any more. */
  onLost?(): void
}

/** Between two renewals, in milliseconds. */
const RENEW_MS = LEASE_TERM_MS / 6
/** How long after a loss, or a failed try, a new queue is opened, in milliseconds. */
const REOPEN_MS = 1_000
/** Inodes remembered whose changes were lost, until somebody was told. */
const LOST_INODES_MAX = 100_000
/** Inodes named in the log line about a loss. */
const NAMED_MAX = 100
const NO_OPTIONS: RequestOptions = {}

/** One queue with what works on it. */
interface Term {
  readonly tenure: Tenure
  readonly keeper: LeaseKeeper
  readonly forwarder: Forwarder
  readonly readAhead: ReadAhead
}

/** What a mount asks of its session; a plain one offers it, too. */
export type MountClient = Pick<
  RpcClient,
  'call' | 'as' | 'clientId' | 'welcome' | 'listen' | 'prepareEach' | 'close'
>

export class LeasedNamespace implements MountClient {
  readonly counters = new LeaseCounters()
  readonly #options: LeasedNamespaceOptions
  readonly #rpc: RpcClient
  readonly #self: LocalCaller
  readonly #clock = new LeaseClock()
  /** Undefined while no queue is open: then every call goes to the namenode. */
  #term: Term | undefined
  #renewing: Promise<void> | undefined
  #renewTimer: NodeJS.Timeout | undefined
  #reopenTimer: NodeJS.Timeout | undefined
  #isClosing = false
  /** Inodes whose changes were lost, until whoever has them open was told. */
  readonly #lost = new Set<number>()

  private constructor(options: LeasedNamespaceOptions, self: LocalCaller) {
    this.#options = options
    this.#rpc = options.rpc
    this.#self = self
  }

  /** The connection must be a superuser's. */
  static async open(options: LeasedNamespaceOptions): Promise<LeasedNamespace> {
    const { user, groups } = await options.rpc.welcome()
    const self = { user, groups, superuser: true, key: ROOT_CALLER_KEY }
    const namespace = new LeasedNamespace(options, self)
    await namespace.#begin()
    return namespace
  }

  get clientId(): string {
    return this.#rpc.clientId
  }

  welcome(): Promise<HelloResponse> {
    return this.#rpc.welcome()
  }

  listen(push: number, handler: (payload: Reader) => void): void {
    this.#rpc.listen(push, handler)
  }

  prepareEach(prepare: (connection: Connection) => Promise<void>): Promise<void> {
    return this.#rpc.prepareEach(prepare)
  }

  /** Ends the session's connection, whatever waits. */
  close(): void {
    clearInterval(this.#renewTimer)
    this.#rpc.close()
  }

  /** The same namespace for someone else. */
  as(speaker: Speaker): RpcCaller {
    return {
      call: (method, request, options) => this.call(method, request, { ...options, speaker }),
      tryLocal: (method, request, options) => this.tryLocal(method, request, { ...options, speaker }),
      tryOutcome: (method, request, options) => this.tryOutcome(method, request, { ...options, speaker }),
    }
  }

  /** See RpcCaller. */
  tryLocal<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: RequestOptions = NO_OPTIONS,
  ): Res | undefined {
    const outcome = this.tryOutcome(method, request, options)
    if (outcome instanceof FsError) throw outcome
    return outcome
  }

  /** See RpcCaller. */
  tryOutcome<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: RequestOptions = NO_OPTIONS,
  ): Res | FsError | undefined {
    const outcome = this.#local(method, request, options)
    if (!(outcome instanceof Detour)) return outcome
    // The call that is made instead waits for the same, and tells what becomes of it.
    outcome.until?.catch(() => undefined)
    return undefined
  }

  call<Req, Res>(method: Method<Req, Res>, request: Req, options: RequestOptions = NO_OPTIONS): Promise<Res> {
    try {
      const outcome = this.#local(method, request, options)
      if (outcome instanceof FsError) return Promise.reject(outcome)
      if (!(outcome instanceof Detour)) return Promise.resolve(outcome)
      return this.#detour(method, request, options, outcome)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** What this mount knows for sure. Throws what the call fails with, or answers it where that is common. */
  #local<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    { speaker }: RequestOptions,
  ): Res | FsError | Detour {
    if (this.#lost.size > 0) this.#tellLoss(method, request)
    const term = this.#term
    const local = LOCAL.get(method.id) as Local<Req, Res> | undefined
    if (term === undefined || local === undefined) return Detour.forward
    const { tenure } = term
    if (!tenure.isAlive) return Detour.wait(this.#renew())
    const outcome = local(tenure, request, speaker === undefined ? this.#self : this.#callerOf(speaker))
    if (!(outcome instanceof Detour)) this.counters.local += 1
    return outcome
  }

  /** Who speaks as the mount's own user is who the mount is, as for the namenode. */
  #callerOf({ user, groups }: Speaker): LocalCaller {
    return { user, groups, superuser: user === this.#self.user, key: `${user} ${groups.join(' ')}` }
  }

  async #detour<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: RequestOptions,
    first: Detour,
  ): Promise<Res> {
    let detour = first
    while (detour.kind !== 'forward') {
      if (options.signal?.aborted) break
      if (!(await this.#take(detour, options))) break
      const outcome = this.#local(method, request, options)
      if (outcome instanceof FsError) throw outcome
      if (!(outcome instanceof Detour)) return outcome
      detour = outcome
    }
    this.counters.forwarded += 1
    const term = this.#term
    if (term === undefined) return this.#rpc.call(method, request, options)
    return term.forwarder.call(method, request, options)
  }

  /** Does what a call needs before it is tried again; false: it is the namenode's. */
  async #take(detour: Detour, options: RequestOptions): Promise<boolean> {
    const term = this.#term
    if (detour.kind === 'wait') {
      await detour.until
      return true
    }
    if (term === undefined) return false
    if (detour.kind === 'lease') return term.keeper.acquireAll(detour.inodeIds)
    const id = detour.inodeIds[0] ?? 0
    if (detour.kind === 'reach') {
      const { speaker } = options
      if (speaker !== undefined) await term.forwarder.proveReach(id, speaker, this.#callerOf(speaker).key)
      return speaker !== undefined
    }
    const inode = term.tenure.overlay.inodes.get(id)
    if (detour.kind === 'content') return inode !== undefined && term.readAhead.fetch(inode)
    if (inode !== undefined) await term.keeper.upgrade(inode)
    return true
  }

  /**
   * Resolves when everything answered so far about an inode is committed, or about all. EIO, once, for a file
   * whose changes were lost.
   */
  async sync(inodeId?: number): Promise<void> {
    if (inodeId !== undefined && this.#lost.delete(inodeId)) throw lostError()
    const tenure = this.#term?.tenure
    if (tenure === undefined) return
    const { queue, overlay } = tenure
    const ticket = inodeId === undefined ? queue.lastTicket : (overlay.inodes.get(inodeId)?.pending ?? 0)
    if (queue.isSettled(ticket)) return
    this.counters.syncs += 1
    await queue.sync(ticket)
  }

  /** What was answered about open files is in the journal when it returns. */
  writeDown(): void {
    this.#term?.tenure.queue.writeDown()
  }

  /**
   * Commits everything and gives everything back. What cannot be committed within so many milliseconds stays
   * in the journal. Never rejects.
   */
  async finish(ms: number): Promise<void> {
    this.#isClosing = true
    clearInterval(this.#renewTimer)
    clearTimeout(this.#reopenTimer)
    const tenure = this.#term?.tenure
    if (tenure === undefined) return
    let reason = `the namenode took nothing for ${Math.round(ms)} ms`
    try {
      if (await within(tenure.close(), ms)) {
        this.#term = undefined
        return
      }
    } catch (error) {
      if (!isFsError(error)) throw error
      // The log says what is lost.
      if (this.#term?.tenure !== tenure) return
      reason = error.message
    }
    tenure.leave()
    this.#term = undefined
    const { journalPath: journal, logger } = this.#options
    logger.warn({ operations: tenure.queue.count, journal, reason }, 'journal-left-to-the-next-mount')
  }

  /** Counters and sizes, for people and programs that watch. */
  figures(): Record<string, unknown> {
    return { ...this.counters.toJSON(), ...figuresOf(this.#term?.tenure) }
  }

  async #begin(): Promise<void> {
    await this.#openTerm().catch((error: unknown) => {
      if (!isFsError(error, 'NO_SPACE')) throw error
      this.#reopenLater()
    })
    this.#rpc.listen(PUSH.recall, payload => {
      const { queueId, inodeIds } = recall.decode(payload)
      const term = this.#term
      if (term?.tenure.queueId === queueId) term.keeper.recall(inodeIds)
    })
    await this.#rpc.prepareEach(connection => this.#attach(request => connection.call(attachQueue, request)))
    this.#renewTimer = setInterval(() => void this.#renew().catch(() => undefined), RENEW_MS).unref()
  }

  async #openTerm(): Promise<void> {
    const { journalPath, owner, isOpenForWriting, idleMs } = this.#options
    const tenure = await Tenure.open({
      rpc: this.#rpc,
      clientId: this.#rpc.clientId,
      journalPath,
      owner,
      self: this.#self,
      counters: this.counters,
      clock: this.#clock,
      isOpenForWriting,
    })
    const keeper = new LeaseKeeper({ tenure, rpc: this.#rpc, counters: this.counters, idleMs })
    tenure.onLost = error => this.#lose(tenure, error)
    const forwarder = new Forwarder(tenure, keeper, this.#rpc)
    const readAhead = new ReadAhead(tenure, this.#rpc, this.counters)
    this.#term = { tenure, keeper, forwarder, readAhead }
  }

  /** Each connection is told whose recalls it takes, before anything is asked on it. */
  async #attach(ask: (request: { queueId: string }) => Promise<unknown>): Promise<void> {
    const sentMs = this.#clock.nowMs
    const tenure = this.#term?.tenure
    if (tenure === undefined) return
    try {
      await ask({ queueId: tenure.queueId })
      tenure.renewed(sentMs)
    } catch (error) {
      if (!isFsError(error, 'LEASE_LOST') && !isFsError(error, 'NOT_FOUND')) throw error
      this.#lose(tenure, error)
    }
  }

  /** Rejects when the namenode cannot be asked. */
  #renew(): Promise<void> {
    this.#renewing ??= this.#attach(request => this.#rpc.call(attachQueue, request)).finally(() => {
      this.#renewing = undefined
    })
    return this.#renewing
  }

  /**
   * Nothing that waits will be committed: everything known here is forgotten, and told where somebody asks.
   */
  #lose(tenure: Tenure, reason: FsError): void {
    if (tenure.isOver) return
    const open = [...tenure.overlay.inodes.values()].flatMap(({ id, isOpenHere }) => (isOpenHere ? id : []))
    const { lost, kept } = tenure.fail()
    const inodes = new Set([...lost.flatMap(({ about }) => about), ...open])
    for (const id of inodes) if (this.#lost.size < LOST_INODES_MAX) this.#lost.add(id)
    this.counters.lost += 1
    this.#options.logger.error(
      { reason: reason.message, operations: lost.length, inodes: [...inodes].slice(0, NAMED_MAX), kept },
      'leases-lost',
    )
    if (this.#term?.tenure === tenure) this.#term = undefined
    this.#options.onLost?.()
    this.#rpc.call(closeQueue, { queueId: tenure.queueId }).catch((error: unknown) => {
      this.#options.logger.warn({ message: (error as Error).message }, 'a lost queue was not closed')
    })
    this.#reopenLater()
  }

  #reopenLater(): void {
    if (this.#isClosing) return
    this.#reopenTimer = setTimeout(() => {
      this.#openTerm()
        .then(() => this.#renew())
        .catch(() => this.#reopenLater())
    }, REOPEN_MS).unref()
  }

  /** Who wrote and did not hear yet that it is lost hears it now. */
  #tellLoss<Req>(method: Method<Req, unknown>, request: Req): void {
    if (!TOLD_METHODS.has(method.id)) return
    for (const id of footprintOf(request).inodeIds) if (this.#lost.delete(id)) throw lostError()
  }
}

const TOLD_METHODS: ReadonlySet<number> = new Set(
  [metadata.append, metadata.addBlock, metadata.commitExtents, metadata.complete, metadata.punch].map(
    ({ id }) => id,
  ),
)
