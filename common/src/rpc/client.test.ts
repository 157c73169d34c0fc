/** The session over real sockets: who speaks, and what stays so when the connection is lost. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { FsError } from '../base/errors.ts'
import { method } from '../protocol/method.ts'
import { list, nothing, record, text } from '../wire/codec.ts'
import { RpcClient } from './client.ts'
import { Connection } from './connection.ts'
import type { Principal } from './principal.ts'
import { PrincipalHandles } from './principal-handles.ts'
import { RpcServer, type RpcService } from './server.ts'
import type { RequestHeader, ServerConnection } from './server-connection.ts'

const whoAmI = method(900, 'whoAmI', 'read', 1, nothing, record({ user: text, groups: list(text) }))

/** Answers who it takes the caller for. */
class Mirror implements RpcService {
  clusterId = 'c'.repeat(32)
  readonly connections = new Set<ServerConnection>()
  own: Principal = { user: 'root', groups: ['root'], superuser: true }

  authenticate(): Principal {
    return this.own
  }

  index(): number {
    return 0
  }

  closed(connection: ServerConnection): void {
    this.connections.delete(connection)
  }

  report(): void {
    // A test looks at answers, not at a log.
  }

  dispatch(connection: ServerConnection, header: RequestHeader): void {
    this.connections.add(connection)
    if (header.method !== whoAmI.id) throw new FsError('UNKNOWN_METHOD')
    const { user, groups } = header.principal
    connection.respond(header, whoAmI.response, { user, groups: [...groups] })
  }
}

async function served(t: Test): Promise<{ mirror: Mirror; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-rpc-'))
  const mirror = new Mirror()
  const server = new RpcServer(mirror)
  const path = join(folder, 's')
  await server.listenUnix(path)
  t.teardown(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { mirror, path }
}

t.test('each call is made for whom it names', async t => {
  const { path } = await served(t)
  const client = new RpcClient({ address: { path } })
  t.teardown(() => client.close())
  const alice = client.as({ user: 'alice', groups: ['staff', 'adm'] })
  const answers = await Promise.all([
    client.call(whoAmI, {}),
    alice.call(whoAmI, {}),
    client.call(whoAmI, {}, { speaker: { user: 'bob', groups: ['users'] } }),
    alice.call(whoAmI, {}),
  ])
  t.same(answers, [
    { user: 'root', groups: ['root'] },
    { user: 'alice', groups: ['staff', 'adm'] },
    { user: 'bob', groups: ['users'] },
    { user: 'alice', groups: ['staff', 'adm'] },
  ])
})

t.test('a principal is told anew to each connection', async t => {
  const { mirror, path } = await served(t)
  const client = new RpcClient({ address: { path }, retryMs: 5_000 })
  t.teardown(() => client.close())
  for (const user of ['alice', 'bob', 'alice']) {
    const { user: answered } = await client.as({ user, groups: [user] }).call(whoAmI, {})
    t.equal(answered, user)
    for (const connection of mirror.connections) connection.destroy()
  }
})

t.test('who may not act for others is told so', async t => {
  const { mirror, path } = await served(t)
  mirror.own = { user: 'carol', groups: ['carol'], superuser: false }
  const client = new RpcClient({ address: { path } })
  t.teardown(() => client.close())
  const alice = client.as({ user: 'alice', groups: ['alice'] })
  await t.rejects(alice.call(whoAmI, {}), { code: 'NOT_PERMITTED' })
  t.same(await client.call(whoAmI, {}), { user: 'carol', groups: ['carol'] })
})

t.test('the table of a connection is bounded, and a handle given on means its new principal', async t => {
  const { path } = await served(t)
  const greeting = { version: 1, versionOldest: 1, clientId: 'a'.repeat(32) }
  const events = { onClose: () => undefined, onPush: () => undefined }
  const { connection } = await Connection.open({ path }, greeting, events)
  t.teardown(() => connection.close())
  const handles = new PrincipalHandles(connection, 3)
  for (let round = 0; round < 3; round++) {
    for (const user of ['a', 'b', 'c', 'd', 'e']) {
      const principal = await handles.of({ user, groups: [user] })
      t.equal((await connection.call(whoAmI, {}, { principal })).user, user)
      t.ok(principal <= 3)
    }
  }
  t.equal(handles.count, 3)
})

t.test('a write whose answer may be forgotten by now is not sent again', async t => {
  const { mirror, path } = await served(t)
  const make = method(901, 'make', 'write', 1, nothing, nothing)
  let asked = 0
  mirror.dispatch = connection => {
    asked += 1
    // The machine slept before the answer came.
    const now = Date.now
    const later = now() + (asked === 3 ? 400_000 : 200_000)
    Date.now = () => later
    t.teardown(() => {
      Date.now = now
    })
    connection.destroy()
  }
  const client = new RpcClient({ address: { path } })
  t.teardown(() => client.close())
  await t.rejects(client.call(make, {}), { code: 'SESSION_EXPIRED', message: /make was sent over 5 minutes/ })
  t.equal(asked, 3, 'younger ones are')
})
