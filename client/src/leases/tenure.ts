/**
 * One queue from its opening to its end: what it holds, what waits to be sent, and where both are written
 * down. It decides nothing about leases.
 */
import { randomBytes } from 'node:crypto'
import type { FsError } from '@hopbine/common/base/errors.ts'
import { closeQueue, LEASE_TERM_MS, openQueue } from '@hopbine/common/protocol/directory-leases.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { BatchSender } from './batch-sender.ts'
import { Detour } from './detour.ts'
import { IdPool } from './id-pool.ts'
import { Journal } from './journal.ts'
import type { LeaseClock } from './lease-clock.ts'
import type { LeaseCounters } from './lease-counters.ts'
import type { LocalCaller, LocalState } from './local-state.ts'
import { lostError, OperationQueue, type QueuedStep, type StepTime } from './operation-queue.ts'
import { type LocalInode, Overlay } from './overlay.ts'
import type { Charge, Room } from './quota-rooms.ts'

/** Directories held at most; before one more is made, old ones are given back. */
export const DIRECTORIES_MAX = 12_288
/** Entries of all of them. */
export const ENTRIES_MAX = 500_000
/** Content of small files that is kept for readers, in bytes. */
const CONTENT_BYTES_MAX = 16 * 1024 * 1024
/** The kernel may use for so long what it was told under a lease, in milliseconds. */
const KERNEL_MS = 1_000
/** Between two operations in the same millisecond, in nanoseconds. */
const TICK_NANOS = 1_000
const SECOND_NANOS = 1_000_000_000

export interface TenureParts {
  readonly rpc: RpcCaller
  /** Session that the queue belongs to while its daemon lives. */
  readonly clientId: string
  readonly journalPath: string
  /** Says in the journal whose it is. */
  readonly owner: string
  readonly self: LocalCaller
  readonly counters: LeaseCounters
  readonly clock: LeaseClock
  readonly isOpenForWriting: LocalState['isOpenForWriting']
}

/** What a queue and its leases are now. */
export function figuresOf(tenure: Tenure | undefined): Record<string, number> {
  return {
    amended: tenure?.queue.amended ?? 0,
    cancelled: tenure?.queue.cancelled ?? 0,
    directories: tenure?.overlay.directories.size ?? 0,
    entries: tenure?.overlay.entryCount ?? 0,
    waiting: tenure?.queue.count ?? 0,
    waitingBytes: tenure?.queue.bytes ?? 0,
    journalWrites: tenure?.journal.writes ?? 0,
  }
}

export class Tenure implements LocalState {
  readonly queueId = randomBytes(16).toString('hex')
  readonly self: LocalCaller
  readonly isOpenForWriting: LocalState['isOpenForWriting']
  readonly overlay = new Overlay()
  readonly ids = new IdPool()
  readonly journal: Journal
  readonly queue: OperationQueue
  readonly sender: BatchSender
  /** Called when the queue has ended at the namenode. */
  onLost: ((error: FsError) => void) | undefined
  /** Makes room among the leases; resolves when there is some. */
  onCrowded: (() => Promise<unknown>) | undefined
  readonly #parts: TenureParts
  /** On the lease clock: when the last renewal that was answered had been sent. */
  #renewedMs: number
  #last: { seconds: number; nanos: number } = { seconds: 0, nanos: 0 }
  /** Changes of rights up to here are known to be committed. */
  #syncedReach = 0
  isOver = false
  readonly #kept = new Map<LocalInode, Uint8Array>()
  #keptBytes = 0

  private constructor(parts: TenureParts) {
    this.#parts = parts
    this.self = parts.self
    this.isOpenForWriting = parts.isOpenForWriting
    const { clientId, owner } = parts
    this.journal = Journal.create(parts.journalPath, { queueId: this.queueId, clientId, owner })
    this.queue = new OperationQueue(this.journal)
    this.#renewedMs = parts.clock.nowMs
    this.sender = new BatchSender({
      rpc: parts.rpc,
      queueId: this.queueId,
      queue: this.queue,
      ids: this.ids,
      counters: parts.counters,
      onLost: error => this.onLost?.(error),
      onConfirmed: () => this.#tidy(),
    })
  }

  static async open(parts: TenureParts): Promise<Tenure> {
    const tenure = new Tenure(parts)
    try {
      await parts.rpc.call(openQueue, { queueId: tenure.queueId })
      return tenure
    } catch (error) {
      tenure.journal.remove()
      throw error
    }
  }

  /** Whether what is known here still holds for everybody, and will while the kernel uses it. */
  get isAlive(): boolean {
    return this.#parts.clock.nowMs - this.#renewedMs < LEASE_TERM_MS - KERNEL_MS
  }

  /** The namenode has heard of the queue, in a message sent then. */
  renewed(sentMs: number): void {
    this.#renewedMs = Math.max(this.#renewedMs, sentMs)
  }

  /** The wall clock, but never back and never twice the same. */
  time(): StepTime {
    const ms = Date.now()
    const seconds = Math.floor(ms / 1000)
    const nanos = (ms % 1000) * 1_000_000
    const { seconds: lastSeconds, nanos: lastNanos } = this.#last
    if (seconds > lastSeconds || (seconds === lastSeconds && nanos > lastNanos)) {
      this.#last = { seconds, nanos }
    } else {
      const next = lastNanos + TICK_NANOS
      this.#last =
        next < SECOND_NANOS
          ? { seconds: lastSeconds, nanos: next }
          : { seconds: lastSeconds + 1, nanos: next - SECOND_NANOS }
    }
    return this.#last
  }

  takeId(): number {
    return this.ids.take()
  }

  untilIds(): Promise<void> {
    const ids = this.ids.until()
    this.sender.wake(true)
    return ids
  }

  roomFor(charge: Charge | undefined, instead?: Room): Detour | undefined {
    const { rooms } = this.queue
    if (charge === undefined || rooms.fits(charge, instead)) return undefined
    if (rooms.isShort(charge)) return Detour.forward
    const room = rooms.until(charge)
    this.sender.wake(true)
    return Detour.wait(room)
  }

  hindrance(isFreeing: boolean): Promise<unknown> | undefined {
    const { sender } = this
    if (sender.trouble !== undefined && !(isFreeing && sender.isFull)) return sender.untilTaken()
    if (this.queue.isFull) return this.queue.untilRoom()
    const isCrowded =
      this.overlay.directories.size >= DIRECTORIES_MAX || this.overlay.entryCount >= ENTRIES_MAX
    return isCrowded ? this.onCrowded?.() : undefined
  }

  /** Content of a small file, for readers: within a bound, what was kept first goes first. */
  keepContent(inode: LocalInode, content: Uint8Array): void {
    inode.content = content
    this.#keptBytes += content.length - (this.#kept.get(inode)?.length ?? 0)
    this.#kept.delete(inode)
    this.#kept.set(inode, content)
    for (const [oldest, bytes] of this.#kept) {
      // What is not committed is nowhere else; the queue has its own bound.
      if (this.#keptBytes <= CONTENT_BYTES_MAX || !this.queue.isSettled(oldest.pending)) return
      this.#kept.delete(oldest)
      this.#keptBytes -= bytes.length
      if (oldest.content === bytes) oldest.content = undefined
    }
  }

  /** Rights that others go by at the namenode are what they are here. */
  async syncRights(): Promise<void> {
    const { reachEpoch } = this.overlay
    if (this.#syncedReach === reachEpoch) return
    await this.queue.sync()
    this.#syncedReach = reachEpoch
  }

  /** Nothing of what waits can be committed any more. Answers what is lost and where it is kept. */
  fail(): { readonly lost: readonly QueuedStep[]; readonly kept: string | undefined } {
    this.#end()
    const lost = this.queue.fail(lostError())
    this.overlay.clear()
    if (lost.length > 0) return { lost, kept: this.journal.setAside() }
    this.journal.remove()
    return { lost, kept: undefined }
  }

  /** Commits everything and gives everything back. */
  async close(): Promise<void> {
    await this.queue.sync()
    if (this.isOver) return
    this.#end()
    this.journal.cut(this.queue.applied)
    await this.#parts.rpc.call(closeQueue, { queueId: this.queueId })
    this.journal.remove()
  }

  /** Ends without the namenode: what is not committed stays in the journal. */
  leave(): void {
    if (this.isOver) return
    this.#end()
    this.journal.leave()
  }

  #end(): void {
    this.isOver = true
    this.sender.stop()
    // Whoever waits for these looks again, and finds no lease.
    this.ids.giveUp()
    this.queue.rooms.giveUp()
  }

  #tidy(): void {
    this.overlay.settled(ticket => this.queue.isSettled(ticket))
    if (this.journal.isLarge) this.journal.rewrite(this.queue.applied, this.queue.uncommitted)
  }
}
