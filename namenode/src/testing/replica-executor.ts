/**
 * Runs requests on one real replica with a real log and database in a folder, and restarts it as a crash
 * does: the open transaction is lost and comes back from the log. Test only.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeLogger } from '@hopbine/common/base/log.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { realLogDisk } from '../log/log-disk.ts'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { WriteOperation } from '../operations/operation.ts'
import { READ_OPERATIONS, WRITE_OPERATIONS } from '../operations/registry.ts'
import { Datanodes } from '../placement/datanodes.ts'
import { type Command, decodeCommand } from '../replica/command.ts'
import { Replica } from '../replica/replica.ts'
import { openDatabase } from '../store/database.ts'
import type { Reply } from '../store/sessions.ts'
import { tableHashes } from '../store/state-hash.ts'
import { Tx } from '../store/tx.ts'
import { checkState } from '../store/verify.ts'
import { CLIENTS, type Executor, type Outcome, outcomeOf } from './executor.ts'
import { queryState } from './query-state.ts'
import { packedRows } from './state-facts.ts'
import { TestClock } from './test-clock.ts'
import { TestOpenFiles } from './test-open-files.ts'
import { FIRST_STATE, TestReplica } from './test-replica.ts'
import { answerOf, throughWire } from './test-shard.ts'

const KEEP_ALL = { seconds: 10 ** 9, bytes: 10 ** 12 }
const SEGMENT_BYTES = 32 * 1024
/** Time that passes at each write, in milliseconds: several writes share a SQLite transaction. */
const STEP_MS = 7

interface Sent {
  readonly command: Command
  readonly reply: Reply
}

export class ReplicaExecutor implements Executor {
  readonly clientIds = CLIENTS.map((_, i) => `${i + 1}`.padStart(32, '0'))
  readonly #folder = mkdtempSync(join(tmpdir(), 'hopbine-model-'))
  readonly #time = new TestClock()
  readonly #sequences = CLIENTS.map(() => 0)
  readonly #last: (Sent | undefined)[] = []
  #silent: readonly string[] = []
  #log!: SegmentedLog
  #replica!: Replica
  #datanodes!: Datanodes
  #nextId = 0
  readonly #openFiles = new TestOpenFiles()
  /** False once entries were cut from the log. */
  #logIsWhole = true

  static async open(): Promise<ReplicaExecutor> {
    const executor = new ReplicaExecutor()
    await executor.#start()
    return executor
  }

  get state(): Tx {
    return this.#replica.state
  }

  get nowMs(): number {
    const { seconds, nanos } = this.#time.host.clock.wall()
    return seconds * 1000 + nanos / 1e6
  }

  async write<Req, Res>(client: number, method: Method<Req, Res>, request: Req): Promise<Outcome<Res>> {
    this.#time.advance(STEP_MS)
    const operation = WRITE_OPERATIONS.get(method.id) as WriteOperation
    const principal = CLIENTS[client] as Principal
    // The number is used up even when the leader refuses while it prepares.
    const sequence = (this.#sequences[client] as number) + 1
    this.#sequences[client] = sequence
    const prepared = outcomeOf(() =>
      this.#prepare(operation, throughWire(method.request, request), principal),
    )
    if ('error' in prepared) return prepared
    const { seconds, nanos } = this.#time.host.clock.wall()
    const clientId = this.clientIds[client] as string
    const envelope = { ...principal, clientId, sequence, behind: 0, seconds, nanos }
    const command = { operation, envelope, body: prepared.answer }
    const reply = await this.#propose(command)
    this.#last[client] = { command, reply }
    return outcomeOf(() => answerOf(method.response, reply))
  }

  async repeat(client: number): Promise<void> {
    const last = this.#last[client]
    if (last === undefined) return
    const again = await this.#propose(last.command)
    assert.equal(again.failed, last.reply.failed)
    assert.deepEqual(Buffer.from(again.payload), Buffer.from(last.reply.payload), 'the first answer')
  }

  read<Req, Res>(principal: Principal, method: Method<Req, Res>, request: Req): Outcome<Res> {
    const operation = READ_OPERATIONS.get(method.id)
    assert(operation !== undefined)
    const asked = throughWire(method.request, request)
    return outcomeOf(() =>
      method.response.decode(
        new Reader(queryState(this.state, this.#datanodes, operation, asked, principal)),
      ),
    )
  }

  own<Res>(operation: WriteOperation, body: unknown): Promise<Res> {
    return this.#replica.proposeOwn<Res>(operation, body)
  }

  setSilent(clientIds: readonly string[]): void {
    this.#silent = [...clientIds]
  }

  async restart(): Promise<void> {
    const before = packedRows(this.state.directories)
    const openFiles = this.state.sessions.openFiles
    await this.#crash()
    await this.#start()
    assert.deepEqual(packedRows(this.state.directories), before, 'every directory is back')
    assert.equal(this.state.sessions.openFiles, openFiles, 'every lease is back')
  }

  async checkpoint(): Promise<void> {
    this.#replica.commit()
    this.state.db.pragma('wal_checkpoint(TRUNCATE)')
    const { firstIndex } = this.#log
    this.#log.removeThrough(this.#replica.machine.committedIndex)
    if (this.#log.firstIndex !== firstIndex) this.#logIsWhole = false
  }

  async finish(): Promise<void> {
    try {
      await this.restart()
      assert.deepEqual(checkState(this.state, false).problems, [])
      this.#replica.commit()
      if (this.#logIsWhole) this.#compareWithReplay()
    } finally {
      await this.close()
    }
  }

  async close(): Promise<void> {
    await this.#crash()
    rmSync(this.#folder, { recursive: true })
  }

  /** Everything from the first entry on, applied to an empty state, gives the same rows. */
  #compareWithReplay(): void {
    const fresh = new TestReplica(this.#time.host, 50, KEEP_ALL)
    for (const { index, term, bytes } of this.#log.read(1)) {
      if (bytes.length === 0) fresh.machine.applyNothing(index, term)
      else fresh.machine.apply(index, term, decodeCommand(bytes))
    }
    assert.deepEqual(
      fresh.tableHashes(0),
      tableHashes(this.state.db, 0),
      'the log alone gives the same state',
    )
  }

  async #crash(): Promise<void> {
    this.#time.forgetTimers()
    await this.#log.close()
    this.state.db.close()
  }

  async #start(): Promise<void> {
    const { host } = this.#time
    const db = openDatabase(join(this.#folder, 'store.db'), { cacheKiB: 1024 }, FIRST_STATE)
    const state = new Tx(db, KEEP_ALL)
    this.#log = new SegmentedLog(realLogDisk(join(this.#folder, 'log')), SEGMENT_BYTES)
    await this.#log.open(state.meta.appliedIndexAtOpen, state.meta.appliedTermAtOpen)
    const fatal = (error: Error): void => {
      throw error
    }
    const logger = makeLogger('test', 'silent')
    const events = { onFatal: fatal, onApplied: () => undefined }
    this.#replica = new Replica({ host, state, log: this.#log, logger, ...events })
    await this.#replica.beginTerm()
    this.#nextId = state.meta.nextId
    const { meta, datanodes } = state
    this.#datanodes = new Datanodes(
      host.clock,
      () => datanodes.all,
      meta.capabilityKey,
      () => meta.capabilityEpoch,
    )
  }

  #propose(command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#replica.propose(command, reply => resolve(reply), reject)
    })
  }

  #prepare(operation: WriteOperation, request: unknown, principal: Principal): unknown {
    for (const { nodeId } of this.state.datanodes.all) {
      this.#datanodes.heard(nodeId, { capacityBytes: 9, freeBytes: 9, blocks: 0, full: false }, [])
    }
    return operation.prepare(request, {
      state: this.state,
      principal,
      // Sessions of this kind say nothing of what they have open.
      clientId: '',
      openFiles: this.#openFiles,
      drawIds: count => {
        this.#nextId += count
        return this.#nextId - count
      },
      place: (blockId, copies, exclude) => this.#datanodes.place(blockId, copies, exclude, principal.user),
      silentSessions: () => [...this.#silent],
      leaseRefusal: () => ({ reason: '', retryMs: 0 }),
    })
  }
}
