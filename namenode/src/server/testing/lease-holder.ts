/**
 * A mount in small: a session whose queue holds directories, answers for them from memory, and hands in later
 * what it did. Everything it cannot answer it forwards, after handing in. Test only.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { ERRORS, FsError } from '@hopbine/common/base/errors.ts'
import {
  acquireDirectory,
  applyQueue,
  attachQueue,
  openQueue,
  type QueuedOperation,
  recall,
  releaseDirectory,
} from '@hopbine/common/protocol/directory-leases.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import { type FileStatus, KIND } from '@hopbine/common/protocol/types.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { queued } from '../../testing/test-queue.ts'
import { OPERATOR_NAME } from './served-namenode.ts'

const IDS = 10_000
const OPERATOR = { user: OPERATOR_NAME, groups: [OPERATOR_NAME], superuser: true }

/** What a holder knows of a name in a directory that it holds. */
export interface LocalEntry {
  readonly id: number
  readonly kind: number
  size: number
  /** What it wrote itself since it holds the directory. */
  content?: string
}

/** What an operation adds below a quota. */
export interface TestCharge {
  readonly quotaRoot: number
  readonly names: number
  readonly diskBytes: number
}

interface Waiting {
  readonly operation: QueuedOperation
  readonly charge: TestCharge | undefined
}

export class LeaseHolder {
  readonly client: RpcClient
  readonly queueId = randomBytes(16).toString('hex')
  /** Directories held, with everything in them. */
  readonly held = new Map<number, Map<string, LocalEntry>>()
  /** Answers no recall, as a mount that hangs. */
  isSilent = false
  /** Directories that it was told to give back. */
  readonly recalled: number[] = []
  applied = 0
  batches = 0
  readonly #asking = new Set<number>()
  /** What it may still add below each quota. */
  readonly rooms = new Map<number, TestCharge>()
  /** Asked for with each batch. */
  wanted = { names: 0, diskBytes: 0 }
  #ids: number[] = []
  #waiting: Waiting[] = []
  #flushing: Promise<void> = Promise.resolve()

  private constructor(client: RpcClient) {
    this.client = client
  }

  static async open(client: RpcClient): Promise<LeaseHolder> {
    const holder = new LeaseHolder(client)
    const { queueId } = holder
    client.listen(PUSH.recall, payload => holder.#recall(recall.decode(payload)))
    await client.call(openQueue, { queueId })
    await client.prepareEach(async connection => {
      await connection.call(attachQueue, { queueId }, { sequence: 0, behind: 0, principal: 0 })
    })
    return holder
  }

  /** Says that it lives. */
  async renew(): Promise<void> {
    await this.client.call(attachQueue, { queueId: this.queueId })
  }

  async acquire(inodeId: number): Promise<ResponseOf<typeof acquireDirectory>> {
    const ids = this.#ids.length < IDS / 2 ? IDS : 0
    this.#asking.add(inodeId)
    const answer = await this.client.call(acquireDirectory, { queueId: this.queueId, inodeId, ids })
    for (let i = 0; i < answer.ids; i++) this.#ids.push(answer.firstId + i)
    const { quotaRoot, names, diskBytes } = answer
    if (names + diskBytes > 0) this.rooms.set(quotaRoot, { quotaRoot, names, diskBytes })
    // The recall may have come in one turn with the grant.
    const isRecalled = !this.#asking.delete(inodeId)
    if (!answer.granted) return answer
    if (isRecalled) await this.release(inodeId)
    else this.held.set(inodeId, entriesOf(answer.entries))
    return answer
  }

  nextId(): number {
    const id = this.#ids.shift()
    assert(id !== undefined, 'the queue has ids')
    return id
  }

  /** Puts an operation behind all others; it counts as done. */
  push(operation: QueuedOperation, charge?: TestCharge): void {
    this.#waiting.push({ operation, charge })
    this.#charge(charge)
  }

  #charge(charge: TestCharge | undefined): void {
    const room = charge === undefined ? undefined : this.rooms.get(charge.quotaRoot)
    if (charge === undefined || room === undefined) return
    const { quotaRoot, names, diskBytes } = room
    this.rooms.set(quotaRoot, {
      quotaRoot,
      names: names - charge.names,
      diskBytes: diskBytes - charge.diskBytes,
    })
  }

  get pending(): number {
    return this.#waiting.length
  }

  /** Hands in everything up to now. Throws what an operation failed with. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#send())
    return this.#flushing
  }

  /** Gives a directory back. */
  release(inodeId: number): Promise<void> {
    this.held.delete(inodeId)
    this.push(queued(releaseDirectory, { inodeId }))
    return this.flush()
  }

  /** Hands in the last operations once more, as after a lost answer. */
  async sendAgain(operations: QueuedOperation[], first: number): Promise<number> {
    return (await this.#batch(operations, first)).applied
  }

  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, 100)
      const operations = batch.map(({ operation }) => operation)
      const { applied, failed, reserves } = await this.#batch(operations, this.applied + 1)
      if (failed !== undefined) throw new Error(`operation ${applied + 1}: ${failed.code} ${failed.message}`)
      this.applied += batch.length
      assert.equal(applied, this.applied)
      this.#waiting.splice(0, batch.length)
      this.rooms.clear()
      for (const room of reserves) this.rooms.set(room.quotaRoot, room)
      for (const { charge } of this.#waiting) this.#charge(charge)
    }
  }

  #batch(operations: QueuedOperation[], first: number): Promise<ResponseOf<typeof applyQueue>> {
    this.batches += 1
    const { queueId } = this
    const rest = { principals: [OPERATOR], ids: 0, ...this.wanted }
    return this.client.call(applyQueue, { queueId, first, operations, ...rest })
  }

  #recall({ queueId, inodeIds }: { queueId: string; inodeIds: number[] }): void {
    assert.equal(queueId, this.queueId)
    this.recalled.push(...inodeIds)
    if (this.isSilent) return
    for (const inodeId of inodeIds) {
      // One that was released or removed meanwhile needs no second release.
      this.#asking.delete(inodeId)
      if (!this.held.delete(inodeId)) continue
      this.push(queued(releaseDirectory, { inodeId }))
    }
    this.flush().catch((error: unknown) => {
      // Its session may be over; whoever waits sees what the server does about it.
      if (!(error instanceof FsError) || ERRORS[error.code].retry === 'same-node') throw error
    })
  }
}

function entriesOf(entries: readonly FileStatus[]): Map<string, LocalEntry> {
  return new Map(entries.map(({ name, id, kind, size }) => [name, { id, kind, size }]))
}

/** The entry of a new directory or file. */
export function localEntry(id: number, content?: string): LocalEntry {
  if (content === undefined) return { id, kind: KIND.directory, size: 0 }
  return { id, kind: KIND.file, size: content.length, content }
}
