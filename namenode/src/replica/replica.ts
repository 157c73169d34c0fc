/**
 * One replica of one shard: proposes commands, applies them when they are committed, answers, commits SQLite
 * by time, and replays the log at start. It knows no sockets and no methods.
 */

import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { decodeFailure } from '@hopbine/common/rpc/connection.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import type { LogEntry } from '../log/segment.ts'
import type { SegmentedLog } from '../log/segmented-log.ts'
import type { WriteOperation } from '../operations/operation.ts'
import type { MemberId, Message } from '../raft/messages.ts'
import type { Reply } from '../store/sessions.ts'
import type { Tx } from '../store/tx.ts'
import { type Command, decodeCommand, type Envelope, encodeCommand } from './command.ts'
import { type ConsensusFacts, type GroupOptions, RaftConsensus } from './raft-consensus.ts'
import { StateMachine } from './state-machine.ts'

/** An open SQLite transaction is committed after so long, in milliseconds. */
const COMMIT_MS = 100
/** Commands waiting for their commit; more are refused with BUSY. */
const PENDING_MAX = 65_536
/** A member counts time in ticks of so many milliseconds; it stands for election after ten to twenty. */
const TICK_MS = 50
const GROUP_LOG_BYTES = 1024 * 1024 * 1024
/** Bytes of entries that are read at once to be applied. */
const APPLY_BYTES = 1024 * 1024
/** Bytes of such commands; more are refused with BUSY. */
const PENDING_BYTES_MAX = 128 * 1024 * 1024

interface Pending {
  readonly index: number
  readonly term: number
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
  /** This replica leads and has applied what earlier leaders left: it may serve. */
  readonly onLeading?: () => void
  /** It leads no more; what was proposed here has been refused. */
  readonly onDeposed?: () => void
  /** Only the leader's state can bring what is missing here. */
  readonly onSnapshotNeeded?: (leader: MemberId) => void
  /** Log that a member of a group keeps for others that were away, in bytes. Default 1 GiB. */
  readonly keptLogBytes?: number | undefined
  /** The other members; undefined for a replica of its own. */
  readonly group?: Omit<GroupOptions, 'appliedIndex'>
}

export class Replica {
  readonly machine: StateMachine
  readonly log: SegmentedLog
  readonly #options: ReplicaOptions
  readonly #consensus: RaftConsensus
  #pending: Pending[] = []
  #cancelTicks: (() => void) | undefined
  #cancelCommit: (() => void) | undefined
  #stopped = false

  constructor(options: ReplicaOptions) {
    this.#options = options
    this.log = options.log
    this.machine = new StateMachine(options.state)
    const { group } = options
    // Of several members none knows at start how far the others have what its log holds.
    if (group === undefined) this.#replay()
    this.#consensus = new RaftConsensus({
      log: options.log,
      appliedTerm: this.machine.appliedTerm,
      random: () => options.host.random.fraction(),
      events: {
        onCommitted: index => this.#onCommitted(index),
        onRefused: (from, error) => this.#onRefused(from, error),
        onLeading: () => options.onLeading?.(),
        onDeposed: leader => this.#onDeposed(leader),
        onSnapshotNeeded: leader => options.onSnapshotNeeded?.(leader),
        onWaiting: ({ message }) => options.logger.warn({ message }, 'log-waits-for-room'),
        onFailed: error => this.#fatal(error),
      },
      ...(group === undefined ? {} : { group: { ...group, appliedIndex: this.machine.appliedIndex } }),
    })
    if (group === undefined) return
    const { clock, timers } = options.host
    this.#cancelTicks = timers.every(TICK_MS, () => this.#consensus.tick(clock.monotonicMs()))
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

  get isLeader(): boolean {
    return this.#consensus.isLeader
  }

  /** NOBODY while it is not known. */
  get leader(): MemberId {
    return this.#consensus.leader
  }

  get consensus(): ConsensusFacts {
    return this.#consensus.facts
  }

  /** See `RaftConsensus.confirmLeading`. */
  confirmLeading(done: (isConfirmed: boolean) => void): void {
    this.#consensus.confirmLeading(done)
  }

  /** Asks another voter to lead. False if that cannot be. */
  handOver(to: MemberId): boolean {
    return this.#consensus.handOver(to)
  }

  /** Takes a message of another member. */
  step(message: Message): void {
    if (!this.#stopped) this.#consensus.step(message)
  }

  /** The connection to another member broke: if it led, somebody else should soon. */
  noteGone(id: MemberId): void {
    if (!this.#stopped) this.#consensus.noteGone(id)
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
    this.#pending.push({ index, term: this.term, command, done, refused })
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

  /**
   * The store holds everything up to this entry durably: the log may forget it, as far as nobody needs it.
   */
  cutLog(index: number): void {
    const { group, keptLogBytes = GROUP_LOG_BYTES } = this.#options
    this.log.removeThrough(index, group === undefined ? 0 : keptLogBytes)
    if (group !== undefined) this.#consensus.compact(this.log.base.firstIndex)
  }

  /** Commits the open SQLite transaction now. */
  commit(): void {
    this.#cancelCommit?.()
    this.#cancelCommit = undefined
    this.machine.commit()
  }

  /** Waits for what was proposed, commits and closes. */
  async stop(): Promise<void> {
    this.#cancelTicks?.()
    await this.#consensus.idle()
    this.#stopped = true
    this.commit()
  }

  /**
   * Applies what the log has beyond the store: every entry there was durable, so with one voter committed.
   */
  #replay(): void {
    const from = this.machine.appliedIndex + 1
    for (const entry of this.log.read(from)) this.#applyStored(entry)
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
        pending.done(this.machine.apply(pending.index, pending.term, pending.command), pending.index)
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

  /** Entries that were not proposed here, or whose proposers know nothing of them any more. */
  #applyUnasked(through: number): void {
    while (this.machine.appliedIndex < through) {
      for (const entry of this.log.readSome(this.machine.appliedIndex + 1, through, APPLY_BYTES)) {
        this.#applyStored(entry)
      }
    }
  }

  #applyStored({ index, term, isConfiguration, bytes }: LogEntry): void {
    if (isConfiguration || bytes.length === 0) this.machine.applyNothing(index, term)
    else this.machine.apply(index, term, decodeCommand(bytes))
  }

  #commitByTime(): void {
    this.#cancelCommit = undefined
    try {
      this.machine.commit()
    } catch (error) {
      this.#fatal(error as Error)
    }
  }

  /** What was proposed may still be committed: who asks the new leader again gets the one answer. */
  #onDeposed(leader: MemberId): void {
    const pending = this.#pending
    this.#pending = []
    for (const { refused } of pending) {
      refused(new FsError('NOT_LEADER', 'this node leads no more', { leader }))
    }
    this.#options.onApplied()
    this.#options.onDeposed?.()
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
