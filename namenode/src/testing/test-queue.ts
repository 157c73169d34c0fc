/**
 * A queue of directory leases as a mount keeps one: numbers its operations, draws ids from its ranges. Test
 * only.
 */
import assert from 'node:assert/strict'
import {
  acquireDirectory,
  applyQueue,
  closeQueue,
  openQueue,
  type QueuedOperation,
  releaseDirectory,
  writeInline,
} from '@hopbine/common/protocol/directory-leases.ts'
import {
  chmod,
  create,
  IF_EXISTS,
  link,
  mkdir,
  REMOVE,
  RENAME,
  remove,
  rename,
  symlink,
} from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { OPERATOR } from './test-replica.ts'
import type { TestSession } from './test-session.ts'

export type BatchAnswer = ResponseOf<typeof applyQueue>
type BatchRequest = RequestOf<typeof applyQueue>

export const inodePath = (id: number, name?: string): string =>
  name === undefined ? `/.reserved/.inodes/${id}` : `/.reserved/.inodes/${id}/${name}`

/** An operation for a batch; with `inodeId` for those that make something. */
export function queued<Req>(
  method: Method<Req, unknown>,
  request: Req,
  facts: Partial<QueuedOperation> = {},
): QueuedOperation {
  const writer = new Writer()
  method.request.encode(writer, request)
  const own = { method: method.id, request: writer.copy() }
  return { principal: 0, seconds: 0, nanos: 0, inodeId: 0, ...own, ...facts }
}

export class TestQueue {
  readonly queueId: string
  /** Number of the last operation that was applied. */
  applied = 0
  principals: Principal[] = [OPERATOR]
  session: TestSession
  #nextId = 0
  #endId = 0

  constructor(session: TestSession, queueId: string) {
    this.session = session
    this.queueId = queueId
    session.write(openQueue, { queueId })
  }

  acquire(inodeId: number, ids = 100): ResponseOf<typeof acquireDirectory> {
    const answer = this.session.write(acquireDirectory, { queueId: this.queueId, inodeId, ids })
    if (answer.ids > 0) [this.#nextId, this.#endId] = [answer.firstId, answer.firstId + answer.ids]
    return answer
  }

  nextId(): number {
    assert(this.#nextId < this.#endId, 'the queue has ids left')
    this.#nextId += 1
    return this.#nextId - 1
  }

  /** Sends operations from number `first` on. */
  send(
    operations: QueuedOperation[],
    first = this.applied + 1,
    request: Partial<BatchRequest> = {},
  ): BatchAnswer {
    const principals = this.principals.map(({ groups, ...who }) => ({ ...who, groups: [...groups] }))
    const batch = { queueId: this.queueId, first, principals, operations, ids: 0, names: 0, diskBytes: 0 }
    const answer = this.session.write(applyQueue, { ...batch, ...request })
    this.applied = answer.applied
    return answer
  }

  /** Sends operations that all succeed. */
  apply(...operations: QueuedOperation[]): void {
    const last = this.applied + operations.length
    const { applied, failed } = this.send(operations)
    assert.equal(failed, undefined)
    assert.equal(applied, last)
  }

  close(): void {
    this.session.write(closeQueue, { queueId: this.queueId })
  }

  mkdir(parent: number, name: string, facts: Partial<QueuedOperation> = {}): QueuedOperation {
    const request = { path: inodePath(parent, name), mode: 0o755 }
    return queued(mkdir, request, { inodeId: this.nextId(), ...facts })
  }

  create(
    parent: number,
    name: string,
    content: string | undefined,
    facts: Partial<QueuedOperation> = {},
  ): QueuedOperation {
    const request = {
      path: inodePath(parent, name),
      mode: 0o644,
      ifExists: IF_EXISTS.fail,
      createParents: false,
      replication: 1,
      blockSize: 0,
      inline: content === undefined ? undefined : Buffer.from(content),
    }
    return queued(create, request, { inodeId: this.nextId(), ...facts })
  }

  symlink(parent: number, name: string, target: string): QueuedOperation {
    return queued(symlink, { path: inodePath(parent, name), target }, { inodeId: this.nextId() })
  }

  link(from: number, parent: number, name: string): QueuedOperation {
    const request = { from: inodePath(from), to: inodePath(parent, name) }
    return queued(link, request, { inodeId: this.nextId() })
  }

  remove(parent: number, name: string, facts: Partial<RequestOf<typeof remove>> = {}): QueuedOperation {
    return queued(remove, { path: inodePath(parent, name), recursive: false, only: REMOVE.any, ...facts })
  }

  rename(parent: number, name: string, toParent: number, toName: string): QueuedOperation {
    const [from, to] = [inodePath(parent, name), inodePath(toParent, toName)]
    return queued(rename, { from, to, mode: RENAME.replace })
  }

  chmod(path: string, mode: number): QueuedOperation {
    return queued(chmod, { path, mode })
  }

  writeInline(inodeId: number, content: string): QueuedOperation {
    return queued(writeInline, { inodeId, inline: Buffer.from(content) })
  }

  release(inodeId: number): QueuedOperation {
    return queued(releaseDirectory, { inodeId })
  }
}
