import { makeLogger } from '@hopbine/common/base/log.ts'
import { mkdir } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { SegmentedLog } from '../log/segmented-log.ts'
import type { WriteOperation } from '../operations/operation.ts'
import { WRITE_OPERATIONS } from '../operations/registry.ts'
import type { MemberId, Message } from '../raft/messages.ts'
import { openDatabase } from '../store/database.ts'
import { stateHash } from '../store/state-hash.ts'
import { Tx } from '../store/tx.ts'
import { MemoryLogDisk } from '../testing/memory-log-disk.ts'
import { TestClock } from '../testing/test-clock.ts'
import { FIRST_STATE } from '../testing/test-replica.ts'
import type { Command } from './command.ts'
import { Replica } from './replica.ts'

const VOTERS = [1, 2, 3]
const CLIENT = 'a'.repeat(32)

interface Member {
  readonly id: MemberId
  readonly replica: Replica
  readonly time: TestClock
  readonly state: Tx
  readonly disk: MemoryLogDisk
}

/** Three replicas with logs and stores of their own; messages are copied, as a wire would. */
class ReplicaGroup {
  readonly members = new Map<MemberId, Member>()
  readonly fatal: Error[] = []
  readonly cut = new Set<MemberId>()

  async open(): Promise<void> {
    for (const id of VOTERS) await this.start(id, new MemoryLogDisk())
  }

  /** Starts a member with a store that holds nothing, so that all it knows comes from this log. */
  async start(id: MemberId, disk: MemoryLogDisk): Promise<void> {
    const time = new TestClock()
    const random = { ...time.host.random, fraction: () => id / 4 }
    const db = openDatabase(':memory:', { cacheKiB: 64 }, FIRST_STATE)
    const state = new Tx(db, { seconds: 10, bytes: 10_000 })
    const log = new SegmentedLog(disk, 64 * 1024)
    await log.open(0, 0)
    const replica = new Replica({
      host: { ...time.host, random },
      state,
      log,
      logger: makeLogger('test', 'silent'),
      onFatal: error => this.fatal.push(error),
      onApplied: () => undefined,
      group: { self: id, voters: VOTERS, send: message => this.#send(message) },
    })
    this.members.set(id, { id, replica, time, state, disk })
  }

  /** The member's power fails: what its disk did not make durable is lost. */
  kill({ id, disk, time }: Member): MemoryLogDisk {
    time.forgetTimers()
    this.members.delete(id)
    return disk.crash(() => false)
  }

  #send(message: Message): void {
    const sent = copyOf(message)
    setImmediate(() => {
      if (!this.members.has(sent.from)) return
      if (this.cut.has(sent.from) || this.cut.has(sent.to)) return
      this.members.get(sent.to)?.replica.step(sent)
    })
  }

  async tick(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      for (const { time } of this.members.values()) time.advance(50)
      for (let k = 0; k < 12; k++) await new Promise(resolve => setImmediate(resolve))
    }
  }

  /** The one that leads and is heard. */
  async leader(): Promise<Member> {
    for (let i = 0; i < 100; i++) {
      const found = [...this.members.values()].find(
        ({ id, replica }) => replica.isLeader && !this.cut.has(id),
      )
      if (found !== undefined) return found
      await this.tick(1)
    }
    throw new Error('nobody leads')
  }

  hashes(): string[] {
    return [...this.members.values()].map(({ replica, state }) => {
      replica.commit()
      return `${replica.machine.appliedIndex} ${stateHash(state.db, 0)}`
    })
  }
}

function copyOf(message: Message): Message {
  if (message.type !== 'append') return structuredClone(message)
  const entries = message.entries.map(({ index, term, kind, data, configuration }) => {
    return { index, term, kind, data: Buffer.from(data), configuration }
  })
  return { ...message, entries }
}

function mkdirCommand(path: string, sequence: number): Command {
  const operation = WRITE_OPERATIONS.get(mkdir.id) as WriteOperation
  const who = { user: 'operator', groups: ['operator'], superuser: true, clientId: CLIENT }
  const envelope = { ...who, sequence, behind: 0, seconds: 1, nanos: 0 }
  return { operation, envelope, body: { request: { path, mode: 0o755 }, id: 2000 + sequence } }
}

t.test('three replicas agree, and go on when the leader is cut off and comes back', async t => {
  const group = new ReplicaGroup()
  await group.open()
  const outcomes: string[] = []
  const propose = ({ replica }: Member, path: string, sequence: number): void => {
    replica.propose(
      mkdirCommand(path, sequence),
      reply => outcomes.push(`${path} ${reply.failed ? 'failed' : 'made'}`),
      error => outcomes.push(`${path} ${error.code}`),
    )
  }
  const first = await group.leader()
  for (let i = 1; i <= 50; i++) propose(first, `/a${i}`, i)
  await group.tick(4)
  t.equal(outcomes.filter(text => text.endsWith(' made')).length, 50)
  t.equal(new Set(group.hashes()).size, 1, 'followers applied what they did not propose')

  group.cut.add(first.id)
  outcomes.length = 0
  for (let i = 51; i <= 60; i++) propose(first, `/lost${i}`, i)
  const second = await group.leader()
  t.not(second.id, first.id)
  for (let i = 51; i <= 55; i++) propose(second, `/b${i}`, i)
  await group.tick(30)
  t.equal(outcomes.filter(text => text.endsWith(' NOT_LEADER')).length, 10, 'who was cut off gave up')
  t.equal(outcomes.filter(text => text.endsWith(' made')).length, 5)
  t.throws(() => propose(first, '/late', 99), { code: 'NOT_LEADER' })

  group.cut.clear()
  await group.tick(30)
  const hashes = group.hashes()
  t.equal(new Set(hashes).size, 1, `entries that were never committed are gone: ${hashes}`)
  t.same(group.fatal, [])
})

t.test('leader after leader loses its power, and nothing that was acknowledged is lost', async t => {
  const group = new ReplicaGroup()
  await group.open()
  let made = 0
  let sequence = 0
  for (let round = 0; round < 6; round++) {
    const leader = await group.leader()
    const propose = (): void => {
      sequence += 1
      const command = mkdirCommand(`/d${sequence}`, sequence)
      leader.replica.propose(
        command,
        ({ failed }) => {
          made += failed ? 0 : 1
        },
        () => undefined,
      )
    }
    for (let i = 0; i < 20; i++) propose()
    await group.tick(4)
    // These may be lost or not: nobody was told.
    for (let i = 0; i < 5; i++) propose()
    const before = made
    const disk = group.kill(leader)
    const next = await group.leader()
    t.ok(next.replica.machine.appliedIndex > 0 && made === before)
    await group.tick(20)
    await group.start(leader.id, disk)
    await group.tick(40)
    t.equal(new Set(group.hashes()).size, 1, `round ${round}`)
  }
  t.equal(made, 120)
  for (const { state } of group.members.values()) {
    const root = state.db.prepare<[], number>("SELECT count(*) FROM entry WHERE name LIKE 'd%'").pluck().get()
    t.ok((root ?? 0) >= made, `${root} directories`)
  }
  t.same(group.fatal, [])
})
