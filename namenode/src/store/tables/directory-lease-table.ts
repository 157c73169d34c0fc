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
import type { DirectoryTable } from '../directory-table.ts'
import { IdRanges } from '../id-ranges.ts'
import { NO_ROOM, QuotaReserves, type Room } from '../quota-reserves.ts'

export type Failure = ValueOf<typeof failure>

/** What a queue has set aside of the quotas at one directory with a quota and above it. */
export interface Reserve {
  room: Room
  /** Directories leased to the queue whose nearest quota this is. */
  leases: number
}

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
  /** Directories that are leased to it, each with the nearest directory with a quota; 0: none. */
  readonly leases: Map<number, number>
  /** By the directory with the quota. */
  readonly reserves: Map<number, Reserve>
  dirty: boolean
}

/** What has no column: reserves as quota's directory, names, bytes, in order. */
type Blob = [ids: [number, number][], failure: Failure | null, reserves: [number, number, number][]]

export class DirectoryLeases {
  readonly #insertQueue
  readonly #updateQueue
  readonly #deleteQueue
  readonly #insertLease
  readonly #deleteLease
  readonly #queues = new Map<string, LeaseQueue>()
  readonly #holders = new Map<number, LeaseQueue>()
  readonly #dirty: LeaseQueue[] = []
  readonly #directories: DirectoryTable
  readonly reserves: QuotaReserves
  /** Told of each lease that ends; for soft state only, which changes nothing here. */
  onDropped: ((inodeId: number, queueId: string) => void) | undefined

  constructor(db: Db, directories: DirectoryTable) {
    this.#directories = directories
    this.reserves = new QuotaReserves(directories)
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
    const reserves = new Map<LeaseQueue, Blob[2]>()
    for (const [queueId, applied, revoked, seconds, nanos, rest] of queues.iterate()) {
      const [ids, failed, reserved] = unpack(rest) as Blob
      const queue = newQueue(queueId, seconds, nanos, new IdRanges(ids))
      queue.applied = applied
      queue.revoked = revoked !== 0
      queue.failure = failed ?? undefined
      this.#queues.set(queueId, queue)
      reserves.set(queue, reserved)
    }
    const leases = db
      .prepare<[], [number, string]>('SELECT inode_id, queue_id FROM directory_lease ORDER BY inode_id')
      .raw()
    for (const [inodeId, queueId] of leases.iterate()) {
      const queue = this.#queues.get(queueId)
      assert(queue !== undefined, `queue ${queueId} has its row`)
      this.#hold(queue, inodeId)
    }
    for (const [queue, reserved] of reserves) {
      for (const [rootId, names, diskBytes] of reserved) this.#reserve(queue, rootId, { names, diskBytes })
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
    this.#insertQueue.run(queueId, seconds, pack([[], null, []] satisfies Blob))
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
    this.#hold(queue, inodeId)
  }

  #hold(queue: LeaseQueue, inodeId: number): void {
    const root = this.#directories.quotaRootOf(this.#directories.slotOf(inodeId))
    const rootId = root < 0 ? 0 : (this.#directories.id[root] as number)
    queue.leases.set(inodeId, rootId)
    this.#holders.set(inodeId, queue)
    if (rootId === 0) return
    const reserve = queue.reserves.get(rootId)
    if (reserve === undefined) queue.reserves.set(rootId, { room: NO_ROOM, leases: 1 })
    else reserve.leases += 1
  }

  /** Ends the lease of a directory, if there is one. */
  drop(inodeId: number): void {
    const queue = this.#holders.get(inodeId)
    if (queue === undefined) return
    this.#holders.delete(inodeId)
    const rootId = queue.leases.get(inodeId)
    queue.leases.delete(inodeId)
    this.#deleteLease.run(inodeId)
    if (rootId !== undefined && rootId !== 0) this.#leaveRoot(queue, rootId)
    this.onDropped?.(inodeId, queue.queueId)
  }

  /** What is set aside goes with the last directory that it is for. */
  #leaveRoot(queue: LeaseQueue, rootId: number): void {
    const reserve = queue.reserves.get(rootId)
    assert(reserve !== undefined, `queue ${queue.queueId} has a reserve where it holds a directory`)
    reserve.leases -= 1
    if (reserve.leases > 0) return
    this.reserve(queue, rootId, NO_ROOM)
    queue.reserves.delete(rootId)
  }

  /** Sets aside so much for a queue that holds a directory below that quota, instead of what it was. */
  reserve(queue: LeaseQueue, rootId: number, room: Room): void {
    const before = queue.reserves.get(rootId)?.room
    if (before?.names === room.names && before.diskBytes === room.diskBytes) return
    this.#reserve(queue, rootId, room)
    this.markDirty(queue)
  }

  #reserve(queue: LeaseQueue, rootId: number, room: Room): void {
    const reserve = queue.reserves.get(rootId)
    assert(reserve !== undefined, `queue ${queue.queueId} holds a directory below ${rootId}`)
    const { names, diskBytes } = reserve.room
    const more = { names: room.names - names, diskBytes: room.diskBytes - diskBytes }
    this.reserves.add(this.#directories.slotOf(rootId), more)
    reserve.room = room
  }

  dropAll(queue: LeaseQueue): void {
    for (const inodeId of [...queue.leases.keys()]) this.drop(inodeId)
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
      const rest = pack([ids.toArray(), failure ?? null, reservesOf(queue)] satisfies Blob)
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
    leases: new Map(),
    reserves: new Map(),
    dirty: false,
  }
}

/** What is set aside, in order of the quotas' directories. */
function reservesOf({ reserves }: LeaseQueue): Blob[2] {
  const rows: Blob[2] = []
  for (const [rootId, { room }] of reserves) {
    if (room.names > 0 || room.diskBytes > 0) rows.push([rootId, room.names, room.diskBytes])
  }
  return rows.sort(([a], [b]) => a - b)
}
