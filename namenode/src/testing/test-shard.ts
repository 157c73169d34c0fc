/**
 * A shard of two replicas in memory. Each write is prepared once, as the leader does; the first replica gets
 * the command itself, the second what its bytes in the log say, and both get every write twice under the same
 * number. Answers are compared at once, states by `verify`. Test only.
 */
import assert from 'node:assert/strict'
import type { FsError } from '@hopbine/common/base/errors.ts'
import { registerDatanode } from '@hopbine/common/protocol/cluster.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { ChangeEvent } from '@hopbine/common/protocol/types.ts'
import { decodeFailure } from '@hopbine/common/rpc/connection.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { Codec } from '@hopbine/common/wire/codec.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import type { LeaseRefusal, WriteOperation } from '../operations/operation.ts'
import { READ_OPERATIONS, WRITE_OPERATIONS } from '../operations/registry.ts'
import { type Command, decodeCommand, encodeCommand } from '../replica/command.ts'
import type { ChangeKeep } from '../store/change-feed.ts'
import type { Reply } from '../store/sessions.ts'
import type { Tx } from '../store/tx.ts'
import { checkState } from '../store/verify.ts'
import { leaseFacts, packedRows } from './state-facts.ts'
import { TestClock } from './test-clock.ts'
import { TestOpenFiles } from './test-open-files.ts'
import { OPERATOR, TestReplica } from './test-replica.ts'
import { type ShardCalls, TestSession } from './test-session.ts'

export interface TestShardOptions {
  /** What is kept of the change feed; all of it by default. */
  readonly keep?: ChangeKeep
}

const KEEP_ALL: ChangeKeep = { seconds: 10 ** 9, bytes: 10 ** 12 }

interface Sent {
  readonly command: Command
  readonly logged: Command
  readonly reply: Reply
}

const OWN = { user: 'hopbine', groups: ['hopbine'], superuser: true, clientId: '', sequence: 0, behind: 0 }

export class TestShard implements ShardCalls {
  readonly time = new TestClock()
  /** Sessions that the leader takes for silent past the soft limit. */
  silent: string[] = []
  /** Why the leader would lease no directory. */
  leaseRefusal: LeaseRefusal = { reason: '', retryMs: 0 }
  /** What sessions have open, as the leader knows it. */
  readonly openFiles = new TestOpenFiles()
  readonly #leader: TestReplica
  readonly #follower: TestReplica
  #nextId: number
  #sessions = 0
  /** The last write of each session, to be sent again. */
  readonly #last = new Map<string, Sent>()

  constructor({ keep = KEEP_ALL }: TestShardOptions = {}) {
    // Different borders of transactions must not make different states.
    this.#leader = new TestReplica(this.time.host, 1, keep)
    this.#follower = new TestReplica(this.time.host, 7, keep)
    this.#nextId = this.#leader.tx.meta.nextId
  }

  /** State of the first replica, for looking only. */
  get state(): Tx {
    return this.#leader.tx
  }

  get index(): number {
    return this.#leader.machine.appliedIndex
  }

  /** A new client session of the superuser. */
  operator(): TestSession {
    return this.session(OPERATOR)
  }

  /** A new client session of an ordinary user; the primary group comes first. */
  as(user: string, groups: readonly string[] = [user]): TestSession {
    return this.session({ user, groups, superuser: false })
  }

  session(principal: Principal): TestSession {
    this.#sessions += 1
    return new TestSession(this, principal, this.#sessions.toString(16).padStart(32, '0'))
  }

  /** Registers datanodes and lets each report once; time that passes silences them. */
  addDatanodes(...names: string[]): void {
    const session = this.operator()
    for (const nodeId of names) {
      session.write(registerDatanode, { nodeId, host: '127.0.0.1', port: 9000, rack: '/r' })
    }
    this.heartbeat(...names)
  }

  heartbeat(...names: string[]): void {
    for (const { datanodes } of [this.#leader, this.#follower]) {
      for (const nodeId of names) {
        datanodes.heard(nodeId, { capacityBytes: 1000, freeBytes: 400, blocks: 0, full: false }, [])
      }
    }
  }

  /** A command of the leader's own, as housekeeping gives them. */
  own<Res>(operation: WriteOperation, body: unknown): Res {
    const { seconds, nanos } = this.time.host.clock.wall()
    const command = { operation, envelope: { ...OWN, seconds, nanos }, body }
    return answerOf(operation.method.response as Codec<Res>, this.#applyOnBoth(command))
  }

  write<Req, Res>(method: Method<Req, Res>, request: Req, session: TestSession): Res {
    this.time.advance(1)
    const operation = WRITE_OPERATIONS.get(method.id)
    assert(operation !== undefined, `${method.name} is a write`)
    return this.propose(
      method,
      this.#prepare(operation, throughWire(method.request, request), session),
      session,
    )
  }

  /** A command as it was prepared at some other moment. */
  propose<Req, Res>(method: Method<Req, Res>, body: unknown, session: TestSession): Res {
    const operation = WRITE_OPERATIONS.get(method.id)
    assert(operation !== undefined, `${method.name} is a write`)
    const { seconds, nanos } = this.time.host.clock.wall()
    const envelope = { ...session.principal, ...numbered(session), seconds, nanos }
    const reply = this.#applyOnBoth({ operation, envelope, body })
    return answerOf(method.response, reply)
  }

  read<Req, Res>(method: Method<Req, Res>, request: Req, principal: Principal): Res {
    const operation = READ_OPERATIONS.get(method.id)
    assert(operation !== undefined, `${method.name} is a read`)
    const asked = throughWire(method.request, request)
    const ask = (replica: TestReplica) => outcome(() => replica.query(operation, asked, principal))
    const [first, second] = [ask(this.#leader), ask(this.#follower)]
    assert.deepEqual(second, first, `both replicas answer ${method.name} alike`)
    if ('error' in first) throw first.error
    return method.response.decode(new Reader(first.value))
  }

  /** The session sends its last write once more, however much has happened since. */
  repeat(session: TestSession): void {
    const sent = this.#last.get(session.clientId)
    if (sent !== undefined) this.#replay(sent)
  }

  /** Events from log index `from` on; both replicas tell the same ones. */
  events(from = 0): ChangeEvent[] {
    const events = this.#leader.tx.feed.read(from, 1_000_000)
    assert.deepEqual(this.#follower.tx.feed.read(from, 1_000_000), events, 'one feed on both replicas')
    return events
  }

  /** Spoils the state of both replicas behind the back of all rules. */
  damage(body: (tx: Tx) => void): void {
    for (const { tx } of [this.#leader, this.#follower]) {
      tx.db.pragma('foreign_keys = OFF')
      body(tx)
    }
  }

  /** Both replicas hold the same, everything they hold twice agrees, and a restart would find the same. */
  verify(): void {
    const { problems } = checkState(this.#leader.tx, false)
    assert.deepEqual(problems, [], 'nothing that is kept twice disagrees')
    const from = Math.max(...[this.#leader, this.#follower].map(({ tx }) => tx.feed.oldest(this.index)))
    const [first, second] = [this.#leader.tableHashes(from), this.#follower.tableHashes(from)]
    assert.deepEqual(second, first, 'both replicas hold the same rows')
    assert.equal(this.#follower.hash(from), this.#leader.hash(from))
    const live = packedRows(this.#leader.tx.directories)
    assert.deepEqual(packedRows(this.#follower.tx.directories), live, 'both packed tables are the same')
    const again = this.#leader.reopened()
    assert.deepEqual(packedRows(again.directories), live, 'a restart finds the same directories')
    assert.deepEqual(again.sessions.holders(), this.#leader.tx.sessions.holders(), 'and the same leases')
    const leases = leaseFacts(this.#leader.tx)
    assert.deepEqual(leaseFacts(this.#follower.tx), leases, 'both replicas lease the same directories')
    assert.deepEqual(leaseFacts(again), leases, 'and so does a restart')
  }

  #replay({ command, logged, reply }: Sent): void {
    this.#leader.replay(command, reply)
    this.#follower.replay(logged, reply)
  }

  #prepare(operation: WriteOperation, request: unknown, { principal, clientId }: TestSession): unknown {
    return operation.prepare(request, {
      state: this.#leader.tx,
      principal,
      clientId,
      openFiles: this.openFiles,
      drawIds: count => {
        this.#nextId += count
        return this.#nextId - count
      },
      place: (blockId, replication, exclude) =>
        this.#leader.datanodes.place(blockId, replication, exclude, principal.user),
      silentSessions: () => this.silent,
      leaseRefusal: () => this.leaseRefusal,
    })
  }

  #applyOnBoth(command: Command): Reply {
    const writer = new Writer()
    encodeCommand(writer, command)
    const logged = decodeCommand(writer.copy())
    const reply = this.#leader.apply(command)
    const other = this.#follower.apply(logged)
    const { name } = command.operation.method
    assert.deepEqual(Buffer.from(other.payload), Buffer.from(reply.payload), `${name}: one answer on both`)
    assert.equal(other.failed, reply.failed)
    if (command.envelope.sequence > 0) {
      const sent = { command, logged, reply }
      this.#last.set(command.envelope.clientId, sent)
      this.#replay(sent)
    }
    return reply
  }
}

function numbered(session: TestSession) {
  return { clientId: session.clientId, sequence: session.nextSequence(), behind: 0 }
}

/** A shard with a session of its superuser. */
export function openShard(options?: TestShardOptions): { shard: TestShard; operator: TestSession } {
  const shard = new TestShard(options)
  return { shard, operator: shard.operator() }
}

/** A value as the other side of a connection sees it. */
export function throughWire<T>(codec: Codec<T>, value: T): T {
  const writer = new Writer()
  codec.encode(writer, value)
  return codec.decode(new Reader(writer.copy()))
}

export function answerOf<Res>(response: Codec<Res>, { failed, payload }: Reply): Res {
  const reader = new Reader(Buffer.from(payload))
  if (failed) throw decodeFailure(reader)
  return response.decode(reader)
}

type Outcome = { readonly value: Buffer } | { readonly error: FsError }

function outcome(body: () => Buffer): Outcome {
  try {
    return { value: body() }
  } catch (error) {
    return { error: error as FsError }
  }
}
