/** The single row of `meta`, and the counters that belong to it. */

import { assert } from '@hopbine/common/base/assert.ts'
import { makeId, sequenceOf } from '@hopbine/common/base/ids.ts'
import type { Db } from '../database.ts'

interface MetaColumns {
  readonly shard: number
  readonly appliedIndex: number
  readonly appliedTerm: number
  readonly nextSequence: number
  readonly capabilityEpoch: number
  readonly capabilityKey: Buffer
  readonly clusterId: string
}

export class MetaRow {
  readonly #update
  readonly shard: number
  /** Where the store stood when it was opened. */
  readonly appliedIndexAtOpen: number
  readonly appliedTermAtOpen: number
  readonly clusterId: string
  readonly capabilityKey: Buffer
  #nextSequence: number
  #capabilityEpoch: number

  constructor(db: Db) {
    this.#update = db.prepare(
      'UPDATE meta SET applied_index = ?, applied_term = ?, next_sequence = ?, capability_epoch = ?',
    )
    const row = db
      .prepare<[], MetaColumns>(
        `SELECT shard, applied_index AS appliedIndex, applied_term AS appliedTerm,
           next_sequence AS nextSequence, capability_epoch AS capabilityEpoch,
           capability_key AS capabilityKey, cluster_id AS clusterId FROM meta`,
      )
      .get()
    assert(row !== undefined, 'the meta row exists')
    this.shard = row.shard
    this.appliedIndexAtOpen = row.appliedIndex
    this.appliedTermAtOpen = row.appliedTerm
    this.#nextSequence = row.nextSequence
    this.#capabilityEpoch = row.capabilityEpoch
    this.capabilityKey = row.capabilityKey
    this.clusterId = row.clusterId
  }

  /** First id that no applied command has used. */
  get nextId(): number {
    return makeId(this.shard, this.#nextSequence)
  }

  get capabilityEpoch(): number {
    return this.#capabilityEpoch
  }

  /** A command used this id: no later one may. */
  used(id: number): void {
    this.#nextSequence = Math.max(this.#nextSequence, sequenceOf(id) + 1)
  }

  flush(appliedIndex: number, appliedTerm: number): void {
    this.#update.run(appliedIndex, appliedTerm, this.#nextSequence, this.#capabilityEpoch)
  }
}
