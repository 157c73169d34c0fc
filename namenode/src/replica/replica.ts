/**
 * One replica of one shard: proposes commands, applies them when they are committed, answers, commits SQLite
 * by time, and replays the log at start. It knows no sockets and no methods.
 */

import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { decodeFailure } from '@hopbine/common/rpc/connection.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import type { SegmentedLog } from '../log/segmented-log.ts'
import type { WriteOperation } from '../operations/operation.ts'
import type { Reply } from '../store/sessions.ts'
import type { Tx } from '../store/tx.ts'
import { type Command, decodeCommand, type Envelope, encodeCommand } from './command.ts'
import { RaftConsensus } from './raft-consensus.ts'
import { StateMachine } from './state-machine.ts'

/** An open SQLite transaction is committed after so long, in milliseconds. */
const COMMIT_MS = 100
/** Commands waiting for their commit; more are refused with BUSY. */
const PENDING_MAX = 65_536
/** Bytes of such commands; more are refused with BUSY. */
const PENDING_BYTES_MAX = 128 * 1024 * 1024

interface Pending {
  readonly index: number
  readonly command: Command
  done(reply: Reply, index: number): void
  refused(error: FsError): void
}

export interface ReplicaOptions {
  readonly host: Host
  readonly state: Tx
  readonly log: SegmentedLog
  readonly logger: Logger
  /** Called when the process must stop because its disk or its state cannot be trusted. */
  readonly onFatal: (error: Error) => void
  /** Called after each batch of applied commands: answers may leave now. */
  readonly onApplied: () => void
}

export class Replica {
  readonly machine: StateMachine
  readonly log: SegmentedLog
  readonly #options: ReplicaOptions
  readonly #consensus: RaftConsensus
  #pending: Pending[] = []
  #cancelCommit: (() => void) | undefined
  #stopped = false

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.log = options.log
    this.machine = new StateMachine(options.state)
    this.#replay()
    this.#consensus = new RaftConsensus({
      log: options.log,
      appliedTerm: this.machine.appliedTerm,
      random: () => options.host.random.fraction(),
      events: {
        onCommitted: index => this.#onCommitted(index),
        onRefused: (from, error) => this.#onRefused(from, error),
        onFailed: error => this.#fatal(error),
      },
    })
  }

  /** Begins a term; when its first entry is applied, everything before it is, and this replica may serve. */
  async beginTerm(): Promise<void> {
    await this.#consensus.lead()
  }

  get state(): Tx {
    return this.#options.state
  }

  get term(): number {
    return this.#consensus.term
  }

  /** Commands proposed and not yet applied. */
  get pending(): number {
    return this.#pending.length
  }

  /** Puts a command into the log; `done` gets the answer when it is committed and applied. Throws BUSY. */
  propose(
    command: Command,
    done: (reply: Reply, index: number) => void,
    refused: (error: FsError) => void,
  ): void {
    if (this.#pending.length >= PENDING_MAX || this.#consensus.pendingBytes >= PENDING_BYTES_MAX) {
      throw new FsError('BUSY', `${this.#pending.length} writes are waiting`)
    }
    const index = this.#consensus.propose(writer => encodeCommand(writer, command))
    this.#pending.push({ index, command, done, refused })
  }

  /** Proposes a command of the leader's own and waits for its answer. */
  proposeOwn<Res>(operation: WriteOperation, body: unknown): Promise<Res> {
    const { seconds, nanos } = this.#options.host.clock.wall()
    const envelope: Envelope = { ...OWN, seconds, nanos }
    return new Promise((resolve, reject) => {
      const done = ({ failed, payload }: Reply): void => {
        const reader = new Reader(Buffer.from(payload))
        if (failed) reject(decodeFailure(reader))
        else resolve(operation.method.response.decode(reader) as Res)
      }
      this.propose({ operation, envelope, body }, done, reject)
    })
  }

  /** Commits the open SQLite transaction now. */
  commit(): void {
    this.#cancelCommit?.()
    this.#cancelCommit = undefined
    this.machine.commit()
  }

  /** Waits for what was proposed, commits and closes. */
  async stop(): Promise<void> {
    await this.#consensus.idle()
    this.#stopped = true
    this.commit()
  }

  /**
   * Applies what the log has beyond the store: every entry there was durable, so with one voter committed.
   */
  #replay(): void {
    const from = this.machine.appliedIndex + 1
    for (const { index, term, bytes } of this.log.read(from)) {
      if (bytes.length === 0) this.machine.applyNothing(index, term)
      else this.machine.apply(index, term, decodeCommand(bytes))
    }
    this.machine.commit()
    const replayed = this.machine.appliedIndex + 1 - from
    if (replayed > 0) this.#options.logger.info({ entries: replayed }, 'log-replayed')
  }

  #onCommitted(index: number): void {
    if (this.#stopped) return
    try {
      let count = 0
      for (const pending of this.#pending) {
        if (pending.index > index) break
        this.#applyUnasked(pending.index - 1)
        pending.done(this.machine.apply(pending.index, this.term, pending.command), pending.index)
        count += 1
      }
      this.#pending = this.#pending.slice(count)
      this.#applyUnasked(index)
    } catch (error) {
      return this.#fatal(error as Error)
    }
    this.#options.onApplied()
    if (this.machine.hasOpenTransaction) {
      this.#cancelCommit ??= this.#options.host.timers.after(COMMIT_MS, () => this.#commitByTime())
    }
  }

  /** Entries that nobody proposed are the consensus' own. */
  #applyUnasked(through: number): void {
    while (this.machine.appliedIndex < through) {
      this.machine.applyNothing(this.machine.appliedIndex + 1, this.term)
    }
  }

  #commitByTime(): void {
    this.#cancelCommit = undefined
    try {
      this.machine.commit()
    } catch (error) {
      this.#fatal(error as Error)
    }
  }

  #onRefused(from: number, error: FsError): void {
    const refused = this.#pending.filter(pending => pending.index >= from)
    this.#pending = this.#pending.filter(pending => pending.index < from)
    for (const pending of refused) pending.refused(error)
    this.#options.onApplied()
  }

  #fatal(error: Error): void {
    this.#stopped = true
    this.#options.onFatal(error)
  }
}

const OWN = {
  user: 'hopbine',
  groups: ['hopbine'],
  superuser: true,
  clientId: '',
  sequence: 0,
  behind: 0,
} as const
