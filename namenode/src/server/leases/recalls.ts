/**
 * Directories that others wait for: who holds them is told, and has a bounded time. A recall never waits for
 * anything but the batches of the queue that holds the lease. Soft state of the leader: a new one begins anew
 * with the requests that come again.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import { recall as payload } from '@hopbine/common/protocol/directory-leases.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import type { DirectoryLeaseTimes } from './lease-times.ts'
import type { Speakers } from './speakers.ts'

/** Requests that wait at a time; more: BUSY. */
const WAITING_MAX = 10_000
/** Directories in one push. */
const PUSH_MAX = 16_384
/** The holder is told again after so long, since it may have overlooked it, in milliseconds. */
const TELL_MS = 500
/** A queue that could not be revoked is looked at again after so long, in milliseconds. */
const AGAIN_MS = 1_000

interface Waiting {
  readonly connection: ServerConnection
  /** Directories that must be given back first. */
  readonly inodeIds: Set<number>
  readonly sinceMs: number
  readonly again: () => void
}

interface Recall {
  readonly queueId: string
  readonly waiting: Set<Waiting>
  /** When its holder was told first on its present connection; undefined while it could not be. */
  toldMs: number | undefined
  cancel: () => void
}

export interface RecallsOptions {
  readonly host: Host
  readonly times: DirectoryLeaseTimes
  readonly speakers: Speakers
  /** Takes all leases of a queue. Rejects when it cannot be done now. */
  readonly revoke: (queueId: string) => Promise<void>
  /** A request waited so long, in milliseconds. */
  readonly waited: (ms: number) => void
}

export class Recalls {
  readonly #options: RecallsOptions
  readonly #recalls = new Map<number, Recall>()
  /** Recalls of each queue. */
  readonly #ofQueue = new Map<string, Set<number>>()
  readonly #waiting = new Map<ServerConnection, Set<Waiting>>()
  #waitingCount = 0
  readonly #revoking = new Set<string>()
  /** Told soon, many in one push. */
  #toTell = new Map<string, number[]>()
  #woken: Waiting[] = []
  /** Recalls begun since the start. */
  begun = 0

  constructor(options: RecallsOptions) {
    this.#options = options
  }

  /** Requests that wait. */
  get waiting(): number {
    return this.#waitingCount
  }

  has(inodeId: number): boolean {
    return this.#recalls.has(inodeId)
  }

  /** Whether anything that the queue holds is waited for. */
  concerns(queueId: string): boolean {
    return this.#ofQueue.has(queueId)
  }

  /**
   * Calls `again` when all these directories were given back. `holderOf` says which queue holds a directory;
   * '' while it is being granted. Throws BUSY.
   */
  wait(
    connection: ServerConnection,
    inodeIds: ReadonlySet<number>,
    holderOf: (inodeId: number) => string,
    again: () => void,
  ): void {
    if (this.#waitingCount >= WAITING_MAX) {
      throw new FsError('BUSY', `${WAITING_MAX} requests wait for directories that are leased`)
    }
    const sinceMs = this.#options.host.clock.monotonicMs()
    const waiting: Waiting = { connection, inodeIds: new Set(inodeIds), sinceMs, again }
    for (const inodeId of inodeIds) this.#recall(inodeId, holderOf(inodeId)).waiting.add(waiting)
    const others = this.#waiting.get(connection)
    if (others === undefined) this.#waiting.set(connection, new Set([waiting]))
    else others.add(waiting)
    this.#waitingCount += 1
  }

  /** The directory is leased to nobody any more. True if it was waited for. */
  ended(inodeId: number): boolean {
    const recall = this.#recalls.get(inodeId)
    if (recall === undefined) return false
    recall.cancel()
    this.#recalls.delete(inodeId)
    this.#leaveQueue(recall.queueId, inodeId)
    for (const waiting of recall.waiting) {
      waiting.inodeIds.delete(inodeId)
      if (waiting.inodeIds.size === 0) this.#woken.push(waiting)
    }
    return true
  }

  /** A directory that others wait for has a new holder, who is told. */
  granted(inodeId: number, queueId: string): void {
    const recall = this.#recalls.get(inodeId)
    if (recall === undefined || recall.queueId === queueId) return
    recall.cancel()
    this.#leaveQueue(recall.queueId, inodeId)
    const fresh: Recall = { ...recall, queueId, toldMs: undefined }
    this.#recalls.set(inodeId, fresh)
    this.#joinQueue(queueId, inodeId)
    this.#tell(inodeId, queueId)
    this.#watch(inodeId, fresh)
  }

  /** Lets those go on whose directories were all given back. */
  wake(): void {
    while (this.#woken.length > 0) {
      const woken = this.#woken
      this.#woken = []
      const nowMs = this.#options.host.clock.monotonicMs()
      for (const waiting of woken) {
        if (!this.#forget(waiting)) continue
        this.#options.waited(nowMs - waiting.sinceMs)
        waiting.again()
      }
    }
  }

  /** Another connection speaks for the queue: it is told everything that is waited for. */
  attached(queueId: string): void {
    for (const inodeId of this.#ofQueue.get(queueId) ?? []) {
      const recall = this.#recalls.get(inodeId)
      if (recall !== undefined) recall.toldMs = undefined
      this.#tell(inodeId, queueId)
    }
  }

  /** Nobody waits for the answers of this connection any more; recalls that were begun go on. */
  closed(connection: ServerConnection): void {
    for (const waiting of this.#waiting.get(connection) ?? []) {
      for (const inodeId of waiting.inodeIds) this.#recalls.get(inodeId)?.waiting.delete(waiting)
      this.#waitingCount -= 1
    }
    this.#waiting.delete(connection)
  }

  stop(): void {
    for (const { cancel } of this.#recalls.values()) cancel()
    this.#recalls.clear()
  }

  /** False if its connection is gone. */
  #forget(waiting: Waiting): boolean {
    const others = this.#waiting.get(waiting.connection)
    if (others === undefined || !others.delete(waiting)) return false
    if (others.size === 0) this.#waiting.delete(waiting.connection)
    this.#waitingCount -= 1
    return true
  }

  #recall(inodeId: number, queueId: string): Recall {
    const known = this.#recalls.get(inodeId)
    if (known !== undefined) return known
    const recall: Recall = { queueId, waiting: new Set(), toldMs: undefined, cancel: () => {} }
    this.#recalls.set(inodeId, recall)
    this.begun += 1
    if (queueId === '') return recall
    this.#joinQueue(queueId, inodeId)
    this.#tell(inodeId, queueId)
    this.#watch(inodeId, recall)
    return recall
  }

  #joinQueue(queueId: string, inodeId: number): void {
    const others = this.#ofQueue.get(queueId)
    if (others === undefined) this.#ofQueue.set(queueId, new Set([inodeId]))
    else others.add(inodeId)
  }

  #leaveQueue(queueId: string, inodeId: number): void {
    const others = this.#ofQueue.get(queueId)
    others?.delete(inodeId)
    if (others?.size === 0) this.#ofQueue.delete(queueId)
  }

  #tell(inodeId: number, queueId: string, isAgain = false): void {
    if (this.#toTell.size === 0) {
      // Timers of many recalls end one after the other.
      if (isAgain) this.#options.host.timers.after(1, () => this.#push())
      else queueMicrotask(() => this.#push())
    }
    const others = this.#toTell.get(queueId)
    if (others === undefined) this.#toTell.set(queueId, [inodeId])
    else others.push(inodeId)
  }

  #push(): void {
    const { speakers, host } = this.#options
    const told = this.#toTell
    this.#toTell = new Map()
    for (const [queueId, inodeIds] of told) {
      const connection = speakers.ofQueue(queueId)?.connection
      // One that is not connected is told when it comes back.
      if (connection === undefined) continue
      for (let at = 0; at < inodeIds.length; at += PUSH_MAX) {
        connection.push(PUSH.recall, payload, { queueId, inodeIds: inodeIds.slice(at, at + PUSH_MAX) })
      }
      connection.flush()
      for (const inodeId of inodeIds) {
        const recall = this.#recalls.get(inodeId)
        if (recall === undefined) continue
        recall.toldMs ??= host.clock.monotonicMs()
        recall.cancel()
        this.#watch(inodeId, recall)
      }
    }
  }

  /** Looks again when the queue's time for this recall may be over. */
  #watch(inodeId: number, recall: Recall): void {
    const { host } = this.#options
    const leftMs = this.#deadlineMs(recall) - host.clock.monotonicMs()
    recall.cancel = host.timers.after(Math.min(Math.max(1, leftMs), TELL_MS), () => {
      if (this.#recalls.get(inodeId) !== recall) return
      if (this.#deadlineMs(recall) <= host.clock.monotonicMs()) return this.#revoke(inodeId, recall)
      this.#tell(inodeId, recall.queueId, true)
      this.#watch(inodeId, recall)
    })
  }

  #deadlineMs({ queueId, toldMs }: Recall): number {
    const { speakers, times } = this.#options
    const silentMs = speakers.heardMs(queueId) + times.termMs + times.driftMs
    return toldMs === undefined ? silentMs : Math.min(silentMs, toldMs + times.recallMs)
  }

  #revoke(inodeId: number, recall: Recall): void {
    const { host, revoke } = this.#options
    recall.cancel = host.timers.after(AGAIN_MS, () => {
      if (this.#recalls.get(inodeId) === recall) this.#revoke(inodeId, recall)
    })
    const { queueId } = recall
    if (this.#revoking.has(queueId)) return
    this.#revoking.add(queueId)
    // It is tried again as long as somebody waits; the reason was logged.
    const over = (): boolean => this.#revoking.delete(queueId)
    revoke(queueId).then(over, over)
  }
}
