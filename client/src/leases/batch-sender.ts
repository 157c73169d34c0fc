/**
 * Sends a queue in batches, one on its way at a time: when enough waits, when the oldest has waited long
 * enough, or at once when somebody waits for the commit. A batch that the namenode cannot take now is sent
 * again until it can; what it will never take ends the queue.
 */
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { applyQueue, BATCH_OPERATIONS_MAX } from '@hopbine/common/protocol/directory-leases.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { errorOf } from '@hopbine/common/rpc/connection.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { IdPool } from './id-pool.ts'
import type { LeaseCounters } from './lease-counters.ts'
import { type OperationQueue, type QueuedStep, wireOf } from './operation-queue.ts'

/** How long an operation waits for others to be sent with it, in milliseconds. */
const AGE_MS = 50
/** Bytes of one batch's requests. */
const BATCH_BYTES_MAX = 1024 * 1024
/** Between two tries of a batch that was not taken, in milliseconds. */
const PAUSE_MS = 500
/** Answers after which a batch is not sent again. */
const FINAL_CODES = [
  'LEASE_LOST',
  'NOT_FOUND',
  'INVALID_ARGUMENT',
  'NOT_PERMITTED',
  'UNKNOWN_METHOD',
] as const

export interface SenderParts {
  readonly rpc: RpcCaller
  readonly queueId: string
  readonly queue: OperationQueue
  readonly ids: IdPool
  readonly counters: LeaseCounters
  /** The queue has ended, with this failure. */
  onLost(error: FsError): void
  /** A batch was applied. */
  onConfirmed(): void
}

export class BatchSender {
  readonly #parts: SenderParts
  #timer: NodeJS.Timeout | undefined
  #isRunning = false
  #isStopped = false
  /** Why the last try was not taken; undefined after one that was. */
  trouble: FsError | undefined
  #asking: Promise<void> | undefined

  constructor(parts: SenderParts) {
    this.#parts = parts
    parts.queue.onWaiting = isUrgent => this.wake(isUrgent)
  }

  /** The namenode takes nothing but what frees space. */
  get isFull(): boolean {
    return this.trouble?.code === 'NO_SPACE'
  }

  /** Resolves when the namenode takes what it did not take; rejects when it still does not. */
  untilTaken(): Promise<void> {
    const { queue } = this.#parts
    if (queue.count > 0) return queue.sync()
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** An empty batch is taken when others would be. */
  async #ask(): Promise<void> {
    const { rpc, queue, ids } = this.#parts
    const request = this.#requestOf(queue.nextNumber, [])
    const answer = await rpc.call(applyQueue, request)
    ids.add(answer.firstId, answer.ids)
    this.trouble = undefined
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Something waits; if somebody waits for it, it is sent at once. */
  wake(isUrgent: boolean): void {
    if (this.#isRunning || this.#isStopped) return
    const { queue } = this.#parts
    if (isUrgent || queue.waitingCount >= BATCH_OPERATIONS_MAX || queue.bytes >= BATCH_BYTES_MAX) {
      clearTimeout(this.#timer)
      this.#timer = undefined
      this.#isRunning = true
      // What else happens in this turn goes along.
      queueMicrotask(() => void this.#run())
    } else {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined
        this.wake(true)
      }, AGE_MS)
    }
  }

  async #run(): Promise<void> {
    const { queue, ids } = this.#parts
    try {
      for (;;) {
        const first = queue.nextNumber
        const steps = await this.#take()
        if (steps.length === 0 && !ids.isWaitedFor && !queue.rooms.isWaitedFor) break
        if (!(await this.#send(first, steps))) return
        const isWaitedFor = queue.hasWaiters || ids.isWaitedFor || queue.rooms.isWaitedFor
        if (queue.waitingCount < BATCH_OPERATIONS_MAX && !isWaitedFor) break
      }
    } finally {
      this.#isRunning = false
    }
    if (queue.waitingCount > 0) this.wake(queue.hasWaiters)
  }

  /** Until the journal takes them; none when the queue has ended. */
  async #take(): Promise<readonly QueuedStep[]> {
    const { queue } = this.#parts
    while (!this.#isStopped) {
      try {
        return queue.take(BATCH_OPERATIONS_MAX, BATCH_BYTES_MAX)
      } catch (error) {
        if (!isFsError(error)) throw error
        this.trouble = error
        queue.tell(error)
        await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      }
    }
    return []
  }

  /** Until the batch is applied. False when the queue has ended. */
  async #send(first: number, steps: readonly QueuedStep[]): Promise<boolean> {
    const { rpc, queue, ids, counters, onLost, onConfirmed } = this.#parts
    const request = this.#requestOf(first, steps)
    for (;;) {
      try {
        const frees = this.isFull && queue.isFreeing
        const answer = await rpc.call(applyQueue, { ...request, frees })
        if (this.#isStopped) return false
        counters.batches += 1
        counters.operations += steps.length
        // What passes because it frees space does not say that there is some.
        if (!frees) this.trouble = undefined
        ids.add(answer.firstId, answer.ids)
        queue.confirm(Math.min(answer.applied, first + steps.length - 1))
        if (answer.failed === undefined) queue.rooms.told(answer.reserves, request)
        onConfirmed()
        if (answer.failed === undefined) return true
        onLost(errorOf(answer.failed))
        return false
      } catch (error) {
        if (!isFsError(error)) throw error
        if (this.#isStopped) return false
        if (error.code === 'CANCELLED') return false
        if (FINAL_CODES.some(code => code === error.code)) {
          onLost(error)
          return false
        }
        this.trouble = error
        queue.tell(error)
        queue.rooms.fail(error)
        await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      }
    }
  }

  #requestOf(first: number, steps: readonly QueuedStep[]): RequestOf<typeof applyQueue> {
    const { queueId, queue, ids } = this.#parts
    const principals: Principal[] = []
    const index = new Map<string, number>()
    const operations = steps.map(step => {
      const { user, groups, superuser } = step.principal
      const key = JSON.stringify([user, superuser, ...groups])
      let at = index.get(key)
      if (at === undefined) {
        at = principals.length
        index.set(key, at)
        principals.push(step.principal)
      }
      return wireOf(step, at)
    })
    return {
      queueId,
      first,
      principals: principals.map(({ user, groups, superuser }) => ({ user, groups: [...groups], superuser })),
      operations,
      ids: ids.wanted,
      ...queue.rooms.wanted,
    }
  }
}
