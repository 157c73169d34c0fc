/**
 * Applies commands to the state, in order, many to one SQLite transaction, and keeps the answers for retries.
 * The same commands give the same state and the same answers on every replica and at every replay.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { encodeFailure } from '@hopbine/common/rpc/server-connection.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import type { Reply } from '../store/sessions.ts'
import type { Tx } from '../store/tx.ts'
import type { Command } from './command.ts'

/** A transaction is committed after so many commands at the latest; the replica also does so by time. */
const TRANSACTION_COMMANDS_MAX = 4096

export class StateMachine {
  readonly state: Tx
  readonly #writer = new Writer()
  #appliedIndex: number
  #appliedTerm: number
  #committedIndex: number
  #commands = 0

  constructor(state: Tx) {
    this.state = state
    this.#appliedIndex = state.meta.appliedIndexAtOpen
    this.#appliedTerm = state.meta.appliedTermAtOpen
    this.#committedIndex = this.#appliedIndex
  }

  /** Last entry whose effects reads see. */
  get appliedIndex(): number {
    return this.#appliedIndex
  }

  get appliedTerm(): number {
    return this.#appliedTerm
  }

  /** Last entry that a committed SQLite transaction holds. */
  get committedIndex(): number {
    return this.#committedIndex
  }

  get hasOpenTransaction(): boolean {
    return this.#commands > 0
  }

  apply(index: number, term: number, command: Command): Reply {
    this.#begin(index)
    const reply = this.#reply(index, command)
    this.#end(index, term)
    return reply
  }

  /** An entry of the consensus' own: it takes its place in the order and changes nothing. */
  applyNothing(index: number, term: number): void {
    this.#begin(index)
    this.#end(index, term)
  }

  /** Ends the open transaction; a restart goes on from here. */
  commit(): void {
    if (this.#commands === 0) return
    this.state.commit(this.#appliedIndex, this.#appliedTerm)
    this.#commands = 0
    this.#committedIndex = this.#appliedIndex
  }

  #begin(index: number): void {
    assert(index === this.#appliedIndex + 1, `entry ${index} follows ${this.#appliedIndex}`)
    if (this.#commands === 0) this.state.begin()
  }

  #end(index: number, term: number): void {
    this.#appliedIndex = index
    this.#appliedTerm = term
    this.#commands += 1
    if (this.#commands >= TRANSACTION_COMMANDS_MAX) this.commit()
  }

  #reply(index: number, { operation, envelope, body }: Command): Reply {
    const { clientId, sequence, behind, seconds, nanos, user, groups, superuser } = envelope
    try {
      const known = sequence > 0 ? this.state.sessions.recorded(clientId, sequence) : undefined
      if (known !== undefined) return known
    } catch (error) {
      if (isFsError(error)) return this.#failure(error)
      throw error
    }
    const context = { user, groups, superuser, clientId, index, seconds, nanos }
    const reply = this.#run(() =>
      operation.method.response.encode(this.#writer, operation.apply(this.state, context, body)),
    )
    if (reply.leasedBelow !== undefined) return reply
    if (sequence > 0) this.state.sessions.record(clientId, sequence, behind, seconds, reply)
    return reply
  }

  /** An operating error becomes the answer; anything else leaves and stops the process. */
  #run(encodeResult: () => void): Reply {
    this.#writer.reset()
    try {
      encodeResult()
      return { failed: false, payload: this.#writer.copy() }
    } catch (error) {
      if (isFsError(error)) return this.#failure(error)
      throw error
    }
  }

  #failure(error: FsError): Reply {
    this.#writer.reset()
    encodeFailure(this.#writer, error)
    const reply = { failed: true, payload: this.#writer.copy() }
    return error.code === 'LEASED' ? { ...reply, leasedBelow: Number(error.details.inodeId) } : reply
  }
}
