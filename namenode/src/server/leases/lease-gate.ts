/**
 * What the leader does about directory leases beyond their rows: lets requests wait that would see into a
 * directory that another session's queue answers for, recalls it, and decides which directory may be leased
 * now. While nothing is leased it costs a request one comparison.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import type { status } from '@hopbine/common/protocol/cluster.ts'
import { acquireDirectory, applyQueue } from '@hopbine/common/protocol/directory-leases.ts'
import { append } from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { leasesWithin, requireQueue } from '../../namespace/directory-leases.ts'
import type { LeaseRefusal } from '../../operations/operation.ts'
import { revokeQueue } from '../../operations/revoke-queue.ts'
import type { Replica } from '../../replica/replica.ts'
import type { Housekeeping } from '../housekeeping.ts'
import type { Interests } from '../interests.ts'
import { BackOff } from './back-off.ts'
import { Footprint, type Foreign } from './footprint.ts'
import type { DirectoryLeaseTimes } from './lease-times.ts'
import { mayMoveQuota, quotaMoves } from './quota-borders.ts'
import { Recalls } from './recalls.ts'
import { lookAt } from './requests.ts'
import { Speakers } from './speakers.ts'
import { WaitTimes } from './wait-times.ts'

export type LeaseReport = ResponseOf<typeof status>['leases']
type Asked = RequestOf<typeof acquireDirectory>

export interface LeaseGateOptions {
  readonly host: Host
  readonly logger: Logger
  readonly replica: Replica
  readonly housekeeping: Housekeeping
  readonly interests: Interests
  readonly times: DirectoryLeaseTimes
}

/** When a lease may be asked for again that others stand in the way of, in milliseconds. */
const SOON_MS = 100
const CACHED_RETRY_MS = 1_000
const GRANTABLE: LeaseRefusal = { reason: '', retryMs: 0 }

export class LeaseGate {
  readonly #options: LeaseGateOptions
  readonly #speakers: Speakers
  readonly #recalls: Recalls
  readonly #backOff: BackOff
  readonly waits = new WaitTimes()
  /** Directories whose grant is proposed, with the queue: they count as leased. */
  readonly #granting = new Map<number, string>()
  /** Leases that ended since the last call of `applied`. */
  #ended: number[] = []
  /** Queues that lost their leases since the start. */
  revoked = 0

  constructor(options: LeaseGateOptions) {
    this.#options = options
    const { host, times } = options
    this.#speakers = new Speakers(host.clock)
    this.#backOff = new BackOff(host.clock, times)
    this.#recalls = new Recalls({
      host,
      times,
      speakers: this.#speakers,
      revoke: queueId => this.#revoke(queueId),
      waited: ms => this.waits.add(ms),
    })
    options.replica.state.leases.onDropped = (inodeId, queueId) => this.#dropped(inodeId, queueId)
  }

  /** Directories leased. */
  get held(): number {
    return this.#options.replica.state.leases.count
  }

  get recalls(): number {
    return this.#recalls.begun
  }

  get waiting(): number {
    return this.#recalls.waiting
  }

  report(): LeaseReport {
    const { waits, held, recalls, revoked, waiting } = this
    return {
      held,
      queues: this.#options.replica.state.leases.queueCount,
      recalls,
      revoked,
      waiting,
      waits: waits.count,
      waitP50Ms: Math.round(waits.percentile(0.5)),
      waitP99Ms: Math.round(waits.percentile(0.99)),
    }
  }

  stop(): void {
    this.#recalls.stop()
    this.#options.replica.state.leases.onDropped = undefined
  }

  /** The connection speaks for the queue. Answers its last operation applied; NOT_FOUND, LEASE_LOST. */
  attach(queueId: string, connection: ServerConnection): number {
    const { state } = this.#options.replica
    const { applied } = requireQueue(state, queueId)
    this.#speakers.trim(known => state.leases.queue(known) !== undefined)
    if (this.#speakers.attach(queueId, connection)) this.#recalls.attached(queueId)
    return applied
  }

  /** Whether anything is leased that requests of this connection could have to wait for. */
  mayDelay({ clientId }: ServerConnection, method: { readonly id: number }): boolean {
    const { leases } = this.#options.replica.state
    const total = leases.count + this.#granting.size
    if (total === 0) return false
    if (mayMoveQuota(method)) return true
    return leases.queue(this.#ownOf(clientId))?.leases.size !== total
  }

  /**
   * True if the request has to wait for leases of others; `again` then gets what to decode when it may be
   * looked at once more. Throws BUSY.
   */
  delays<Req>(
    connection: ServerConnection,
    method: Method<Req, unknown>,
    request: Req,
    again: (payload: Reader) => void,
  ): boolean {
    const { state } = this.#options.replica
    const footprint = new Footprint(state, this.#foreignTo(this.#ownOf(connection.clientId)))
    lookAt(footprint, method as Method<unknown, unknown>, request)
    // Behind a lease of others the tree may be another one.
    if (footprint.found.size === 0) {
      for (const slot of quotaMoves(state, method as Method<unknown, unknown>, request)) {
        for (const inodeId of leasesWithin(state, slot)) footprint.found.add(inodeId)
      }
    }
    if (footprint.found.size === 0) return false
    const writer = new Writer(256)
    method.request.encode(writer, request)
    const kept = writer.copy()
    const holderOf = (inodeId: number): string => state.leases.holderOf(inodeId)?.queueId ?? ''
    this.#recalls.wait(connection, footprint.found, holderOf, () => again(new Reader(kept)))
    return true
  }

  /** Recalls every directory leased at or below an inode; `again` follows when all are back. Throws BUSY. */
  waitBelow(connection: ServerConnection, inodeId: number, again: () => void): void {
    const { state } = this.#options.replica
    const slot = state.directories.findId(inodeId)
    const inodeIds = slot < 0 ? [] : leasesWithin(state, slot)
    if (inodeIds.length === 0) return queueMicrotask(again)
    const holderOf = (id: number): string => state.leases.holderOf(id)?.queueId ?? ''
    this.#recalls.wait(connection, new Set(inodeIds), holderOf, again)
  }

  /** Whether a write hands in what others, or what frees space, wait for: it passes also on a full disk. */
  isAwaited({ clientId }: ServerConnection, { id }: { readonly id: number }, request: unknown): boolean {
    if (id === applyQueue.id) {
      const { queueId, frees } = request as RequestOf<typeof applyQueue>
      return frees === true || this.#recalls.concerns(queueId)
    }
    // Files that are being written in a directory are opened here before it is given back.
    return id === append.id && this.#recalls.concerns(this.#ownOf(clientId))
  }

  /** Why a directory is not leased now, whatever the state says. */
  refusal(queueId: string, inodeId: number): LeaseRefusal {
    const speaker = this.#speakers.ofQueue(queueId)
    if (speaker?.connection === undefined) return { reason: 'nobody speaks for the queue', retryMs: SOON_MS }
    const grantedTo = this.#granting.get(inodeId)
    const isTaken = grantedTo !== undefined && grantedTo !== queueId
    if (isTaken || this.#recalls.has(inodeId)) return { reason: 'others wait for it', retryMs: SOON_MS }
    // Else a request about a whole tree could find a new lease below it for ever.
    if (this.#recalls.concerns(queueId)) {
      return { reason: 'others wait for what the queue holds', retryMs: SOON_MS }
    }
    const leftMs = this.#backOff.left(inodeId)
    if (leftMs > 0) return { reason: 'it was recalled lately', retryMs: leftMs }
    if (this.#options.interests.othersIn(inodeId, speaker.clientId)) {
      return { reason: 'another session may have it cached', retryMs: CACHED_RETRY_MS }
    }
    return GRANTABLE
  }

  /** A write was proposed: from now on a directory that it may lease counts as leased. */
  proposed({ id }: { readonly id: number }, request: unknown): void {
    if (id !== acquireDirectory.id) return
    const { inodeId, queueId } = request as Asked
    if (!this.#granting.has(inodeId)) this.#granting.set(inodeId, queueId)
  }

  /** The write was applied or refused, and its answer is written. */
  settled({ id }: { readonly id: number }, request: unknown): void {
    if (id !== acquireDirectory.id) return
    const { inodeId } = request as Asked
    if (!this.#granting.delete(inodeId)) return
    const holder = this.#options.replica.state.leases.holderOf(inodeId)
    if (holder === undefined) this.#ended.push(inodeId)
    else this.#recalls.granted(inodeId, holder.queueId)
  }

  /** A batch of commands was applied: those go on who waited for what was given back. */
  applied(): void {
    if (this.#ended.length === 0) return
    const ended = this.#ended
    this.#ended = []
    const { leases } = this.#options.replica.state
    for (const inodeId of ended) {
      if (leases.holderOf(inodeId) === undefined && this.#recalls.ended(inodeId)) {
        this.#backOff.recalled(inodeId)
      }
    }
    this.#recalls.wake()
  }

  closed(connection: ServerConnection): void {
    this.#recalls.closed(connection)
    this.#speakers.closed(connection)
  }

  /** The queue that a session speaks for, or ''. */
  #ownOf(clientId: string): string {
    return this.#speakers.ofClient(clientId)?.queueId ?? ''
  }

  #foreignTo(ownId: string): Foreign {
    const { leases } = this.#options.replica.state
    const granting = this.#granting
    return {
      has(inodeId) {
        const holder = leases.holderOf(inodeId)?.queueId ?? granting.get(inodeId)
        return holder !== undefined && holder !== ownId
      },
      *all() {
        for (const [inodeId, { queueId }] of leases.holders) if (queueId !== ownId) yield inodeId
        for (const [inodeId, queueId] of granting) if (queueId !== ownId) yield inodeId
      },
    }
  }

  /** Its former holder may still show for a moment what was in it. */
  #dropped(inodeId: number, queueId: string): void {
    this.#ended.push(inodeId)
    const speaker = this.#speakers.ofQueue(queueId)
    if (speaker !== undefined) this.#options.interests.note(speaker.clientId, inodeId)
  }

  async #revoke(queueId: string): Promise<void> {
    const { replica, logger, housekeeping } = this.#options
    // What cannot be handed in is not lost yet: the disk may have room again.
    if (housekeeping.readOnlyReason !== '') throw new FsError('NO_SPACE', housekeeping.readOnlyReason)
    const leases = replica.state.leases.queue(queueId)?.leases.size ?? 0
    await replica.proposeOwn(revokeQueue, { queueId }).catch((error: Error) => {
      logger.warn({ queue: queueId, message: error.message }, 'directory-leases-not-revoked')
      throw error
    })
    this.revoked += 1
    logger.warn({ queue: queueId, leases }, 'directory-leases-revoked')
  }
}
