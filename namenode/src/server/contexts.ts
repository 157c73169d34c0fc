/**
 * What operations may look at on the leader, as two objects that serve one request after the other: requests
 * are handled synchronously, so a fresh object for each would only be garbage.
 */
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { LeaseRefusal, PrepareContext, QueryContext } from '../operations/operation.ts'
import type { Tx } from '../store/tx.ts'
import type { Parts } from './parts.ts'

const NOBODY: Principal = { user: 'nobody', groups: ['nobody'], superuser: false }

export class LeaderQueryContext implements QueryContext {
  principal = NOBODY
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  of(principal: Principal): this {
    this.principal = principal
    return this
  }

  locate(blockId: number): LocatedBlock {
    return this.#parts.datanodes.locate(blockId, this.principal.user)
  }

  droppableSince(): number {
    return this.#parts.droppableSince()
  }

  disk(): { readonly capacityBytes: number; readonly freeBytes: number } {
    return this.#parts.datanodes.disk()
  }
}

export class LeaderPrepareContext implements PrepareContext {
  principal = NOBODY
  clientId = ''
  readonly state: Tx
  readonly openFiles: PrepareContext['openFiles']
  readonly #parts: Parts
  #nextId: number

  constructor(parts: Parts) {
    this.#parts = parts
    this.state = parts.replica.state
    this.openFiles = parts.openFiles
    this.#nextId = this.state.meta.nextId
  }

  of(principal: Principal, clientId: string): this {
    this.principal = principal
    this.clientId = clientId
    return this
  }

  drawIds(count: number): number {
    const first = this.#nextId
    this.#nextId += count
    return first
  }

  place(blockId: number, replication: number, exclude: readonly string[]): LocatedBlock {
    return this.#parts.datanodes.place(blockId, replication, exclude, this.principal.user)
  }

  silentSessions(): string[] {
    return this.#parts.writers.silent()
  }

  leaseRefusal(queueId: string, inodeId: number): LeaseRefusal {
    return this.#parts.leases.refusal(queueId, inodeId)
  }
}
