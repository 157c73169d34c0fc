/** A session with several servers of which one leads: it finds that one, and leaves one that is silent. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FsError } from '../base/errors.ts'
import { method } from '../protocol/method.ts'
import { record, u32 } from '../wire/codec.ts'
import type { Reader } from '../wire/reader.ts'
import { RpcClient } from './client.ts'
import { RpcServer, type RpcService } from './server.ts'
import type { RequestHeader, ServerConnection } from './server-connection.ts'

const add = method(901, 'add', 'write', 1, record({ by: u32 }), record({ sequence: u32, member: u32 }))
const told = method(902, 'told', 'session', 1, record({ by: u32 }), record({}))

/** One member; what the members share is who leads. */
class Member implements RpcService {
  clusterId = 'c'.repeat(32)
  readonly id: number
  readonly group: { leader: number }
  /** It takes requests and answers none. */
  isDeaf = false
  asked = 0
  heard = 0

  constructor(id: number, group: { leader: number }) {
    this.id = id
    this.group = group
  }

  authenticate() {
    return { user: 'root', groups: ['root'], superuser: true }
  }

  index(): number {
    return 0
  }

  closed(): void {
    // Nothing is kept for a connection.
  }

  report(): void {
    // A test looks at answers, not at a log.
  }

  dispatch(connection: ServerConnection, header: RequestHeader): void {
    this.asked += 1
    const { leader } = this.group
    if (leader !== this.id) throw new FsError('NOT_LEADER', `member ${leader} leads`, { leader })
    if (this.isDeaf) return
    connection.respond(header, add.response, { sequence: header.sequence, member: this.id })
  }

  told(_connection: ServerConnection, header: { method: number }, payload: Reader): void {
    if (header.method !== told.id) throw new FsError('UNKNOWN_METHOD')
    this.heard += told.request.decode(payload).by
  }
}

async function served(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-group-'))
  const group = { leader: 1 }
  const members = [1, 2, 3].map(id => new Member(id, group))
  const servers = members.map(member => new RpcServer(member))
  const path = (id: number): string => join(folder, `s${id}`)
  for (const [at, server] of servers.entries()) await server.listenUnix(path(at + 1))
  const seed = (id: number) => ({ address: { path: path(id) }, member: id })
  const client = new RpcClient({ ...seed(1), others: [seed(2), seed(3)], retryMs: 10_000 })
  t.teardown(async () => {
    client.close()
    for (const server of servers) await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { group, members, servers, client, path }
}

t.test('calls follow the leader from member to member, under their old numbers', async t => {
  const { group, members, client } = await served(t)
  for (const leader of [3, 2, 1, 3]) {
    group.leader = leader
    const answers = await Promise.all([1, 2, 3].map(by => client.call(add, { by })))
    t.same(
      answers.map(({ member }) => member),
      [leader, leader, leader],
    )
  }
  t.equal((await client.call(add, { by: 1 })).sequence, 13, 'a write that was passed on keeps its number')
  t.ok(members.every(({ asked }) => asked > 0))
})

t.test('while nobody leads calls wait for the one who will', async t => {
  const { group, client } = await served(t)
  group.leader = 0
  const call = client.call(add, { by: 1 })
  setTimeout(() => {
    group.leader = 2
  }, 300)
  t.equal((await call).member, 2)
})

t.test('a leader that died is not waited for', async t => {
  const { group, servers, client } = await served(t)
  await client.call(add, { by: 1 })
  await servers[0]?.close()
  group.leader = 3
  const began = performance.now()
  t.equal((await client.call(add, { by: 1 })).member, 3)
  t.ok(performance.now() - began < 1_000)
})

t.test('a leader that does not answer calls but lives is waited for', async t => {
  const { members, client } = await served(t)
  const [first] = members as [Member]
  first.isDeaf = true
  const call = client.call(add, { by: 1 }).then(
    () => 'answered',
    () => 'failed',
  )
  const waited = new Promise<string>(resolve => setTimeout(() => resolve('waiting'), 1_500))
  t.equal(await Promise.race([call, waited]), 'waiting')
})

t.test('what is told without an answer arrives, and garbage ends the connection', async t => {
  const { members, path } = await served(t)
  const { Connection } = await import('./connection.ts')
  const greeting = { version: 1, versionOldest: 1, clientId: 'a'.repeat(32) }
  let closed: FsError | undefined
  const events = { onClose: (error: FsError) => (closed = error), onPush: () => undefined }
  const { connection } = await Connection.open({ path: path(2) }, greeting, events)
  for (let i = 0; i < 1_000; i++) connection.tell(told, { by: 2 })
  await connection.call((await import('../protocol/session.ts')).ping, {})
  t.equal(members[1]?.heard, 2_000)
  t.equal(closed, undefined)
  connection.tell(add, { by: 1 })
  await new Promise(resolve => setTimeout(resolve, 200))
  t.equal(closed?.code, 'UNKNOWN_METHOD')
})
