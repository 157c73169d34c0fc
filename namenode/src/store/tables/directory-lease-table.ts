/**
 * Queues of directory leases, and which directory is leased to which. Held in memory as a whole; a lease is
 * a row at once, a queue's row is written once per transaction. Part of the replicated state: changed only by
 * apply.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { failure } from '@hopbine/common/protocol/types.ts'
import type { ValueOf } from '@hopbine/common/wire/codec.ts'
import { pack, unpack } from 'msgpackr'
import type { Db } from '../database.ts'
import { IdRanges } from '../id-ranges.ts'

export type Failure = ValueOf<typeof failure>

export interface LeaseQueue {
  readonly queueId: string
  /** Number of the last operation that was applied. */
  applied: number
  /** What the operation behind it failed with; nothing of the queue is applied after that. */
  failure: Failure | undefined
  /** Its leases were taken from it; nothing of it is applied after that. */
  revoked: boolean
  /** Time of its last operation: the next one's is not before it. */
  seconds: number
  nanos: number
  /** Inode ids that it was given for what it makes. */
  readonly ids: IdRanges
  /** Directories that are leased to it. */
  readonly leases: Set<number>
  dirty: boolean
}

/** Ids, and failure where there is one, as they are stored. */
type Blob = [ids: [number, number][], failure: Failure | null]

export class DirectoryLeases {
  readonly #insertQueue
  readonly #updateQueue
  readonly #deleteQueue
  readonly #insertLease
  readonly #deleteLease
  readonly #queues = new Map<string, LeaseQueue>()
  readonly #holders = new Map<number, LeaseQueue>()
  readonly #dirty: LeaseQueue[] = []
  /** Told of each lease that ends; for soft state only, which changes nothing here. */
  onDropped: ((inodeId: number, queueId: string) => void) | undefined

  constructor(db: Db) {
    this.#insertQueue = db.prepare('INSERT INTO lease_queue VALUES (?, 0, 0, ?, 0, ?)')
    this.#updateQueue = db.prepare(
      'UPDATE lease_queue SET applied = ?, revoked = ?, seconds = ?, nanos = ?, rest = ? WHERE queue_id = ?',
    )
    this.#deleteQueue = db.prepare('DELETE FROM lease_queue WHERE queue_id = ?')
    this.#insertLease = db.prepare('INSERT INTO directory_lease VALUES (?, ?)')
    this.#deleteLease = db.prepare('DELETE FROM directory_lease WHERE inode_id = ?')
    const queues = db
      .prepare<[], [string, number, number, number, number, Buffer]>(
        'SELECT queue_id, applied, revoked, seconds, nanos, rest FROM lease_queue ORDER BY queue_id',
      )
      .raw()
    for (const [queueId, applied, revoked, seconds, nanos, rest] of queues.iterate()) {
      const [ids, failed] = unpack(rest) as Blob
      const queue = newQueue(queueId, seconds, nanos, new IdRanges(ids))
      queue.applied = applied
      queue.revoked = revoked !== 0
      queue.failure = failed ?? undefined
      this.#queues.set(queueId, queue)
    }
    const leases = db
      .prepare<[], [number, string]>('SELECT inode_id, queue_id FROM directory_lease ORDER BY inode_id')
      .raw()
    for (const [inodeId, queueId] of leases.iterate()) {
      const queue = this.#queues.get(queueId)
      assert(queue !== undefined, `queue ${queueId} has its row`)
      queue.leases.add(inodeId)
      this.#holders.set(inodeId, queue)
    }
  }

  /** Directories that are leased to anybody. */
  get count(): number {
    return this.#holders.size
  }

  get queueCount(): number {
    return this.#queues.size
  }

  /** Every leased directory with its queue. */
  get holders(): ReadonlyMap<number, LeaseQueue> {
    return this.#holders
  }

  /** Every queue, in no order that matters. */
  get queues(): Iterable<LeaseQueue> {
    return this.#queues.values()
  }

  queue(queueId: string): LeaseQueue | undefined {
    return this.#queues.get(queueId)
  }

  holderOf(inodeId: number): LeaseQueue | undefined {
    return this.#holders.get(inodeId)
  }

  /** Adds a queue that is not there. */
  open(queueId: string, seconds: number): void {
    this.#insertQueue.run(queueId, seconds, pack([[], null] satisfies Blob))
    this.#queues.set(queueId, newQueue(queueId, seconds, 0, new IdRanges()))
  }

  /** Forgets a queue and all that is leased to it. */
  close(queue: LeaseQueue): void {
    this.dropAll(queue)
    this.#queues.delete(queue.queueId)
    queue.dirty = false
    this.#deleteQueue.run(queue.queueId)
  }

  /** Leases a directory that is not leased yet. */
  grant(queue: LeaseQueue, inodeId: number): void {
    this.#insertLease.run(inodeId, queue.queueId)
    queue.leases.add(inodeId)
    this.#holders.set(inodeId, queue)
  }

  /** Ends the lease of a directory, if there is one. */
  drop(inodeId: number): void {
    const queue = this.#holders.get(inodeId)
    if (queue === undefined) return
    this.#holders.delete(inodeId)
    queue.leases.delete(inodeId)
    this.#deleteLease.run(inodeId)
    this.onDropped?.(inodeId, queue.queueId)
  }

  dropAll(queue: LeaseQueue): void {
    for (const inodeId of [...queue.leases]) this.drop(inodeId)
  }

  /** The queue's row must be written at the end of the transaction. */
  markDirty(queue: LeaseQueue): void {
    if (queue.dirty) return
    queue.dirty = true
    this.#dirty.push(queue)
  }

  flush(): void {
    for (const queue of this.#dirty) {
      if (!queue.dirty) continue
      queue.dirty = false
      const { queueId, applied, revoked, seconds, nanos, ids, failure } = queue
      const rest = pack([ids.toArray(), failure ?? null] satisfies Blob)
      this.#updateQueue.run(applied, revoked ? 1 : 0, seconds, nanos, rest, queueId)
    }
    this.#dirty.length = 0
  }
}

function newQueue(queueId: string, seconds: number, nanos: number, ids: IdRanges): LeaseQueue {
  return {
    queueId,
    applied: 0,
    failure: undefined,
    revoked: false,
    seconds,
    nanos,
    ids,
    leases: new Set(),
    dirty: false,
  }
}
