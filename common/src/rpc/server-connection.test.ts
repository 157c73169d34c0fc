/** What a server bears from its peers: slow readers, floods, garbage and silence. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { IN_FLIGHT_PER_CONNECTION_MAX, OUTGOING_BYTES_MAX } from '../base/limits.ts'
import { method } from '../protocol/method.ts'
import { frameOf, RawClient, requestFrame } from '../testing/raw-client.ts'
import { bytes, nothing, record } from '../wire/codec.ts'
import { Connection } from './connection.ts'
import type { Principal } from './principal.ts'
import { RpcServer, type RpcService } from './server.ts'
import type { RequestHeader, ServerConnection } from './server-connection.ts'

const big = method(900, 'big', 'read', 1, nothing, record({ data: bytes }))
const held = method(901, 'held', 'read', 1, nothing, nothing)
const ANSWER_BYTES = 1024 * 1024
const ANSWER = { data: Buffer.alloc(ANSWER_BYTES, 7) }

/** Answers `big` at once and `held` when it is told to. */
class Workshop implements RpcService {
  clusterId = 'c'
  dispatched = 0
  readonly waiting: (() => void)[] = []
  readonly reports: string[] = []

  authenticate(): Principal {
    return { user: 'root', groups: ['root'], superuser: true }
  }

  index(): number {
    return 5
  }

  closed(): void {
    // Nothing is kept per connection.
  }

  report(event: string): void {
    this.reports.push(event)
  }

  dispatch(connection: ServerConnection, header: RequestHeader): void {
    this.dispatched += 1
    if (header.method === big.id) return connection.respond(header, big.response, ANSWER)
    const { id, method: number } = header
    this.waiting.push(() => {
      connection.respond({ id, method: number }, held.response, {})
      connection.flush()
    })
  }
}

async function served(t: Test): Promise<{ workshop: Workshop; server: RpcServer; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-rpc-'))
  const workshop = new Workshop()
  const server = new RpcServer(workshop)
  const path = join(folder, 's')
  await server.listenUnix(path)
  t.teardown(async () => {
    await server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return { workshop, server, path }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

const flood = (asked: typeof big | typeof held, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => frameOf(asked.id, Buffer.alloc(4), { id: i + 1 })))

t.test('while a peer does not read, answers stop at their bound; then all of them come in order', async t => {
  const { workshop, path } = await served(t)
  const client = await RawClient.greeted(path)
  client.socket.pause()
  const count = 100
  client.send(flood(big, count))
  await pause(300)
  const most = OUTGOING_BYTES_MAX / ANSWER_BYTES + 4
  t.ok(workshop.dispatched <= most, `${workshop.dispatched} requests were worked on, ${most} may be`)
  client.socket.resume()
  await client.until(() => client.answers.length === count + 1)
  t.same(
    client.answers.slice(1).map(answer => answer.id),
    Array.from({ length: count }, (_, i) => i + 1),
  )
  client.close()
})

t.test('no more requests of one connection are worked on than the bound says', async t => {
  const { workshop, path } = await served(t)
  const client = await RawClient.greeted(path)
  const count = IN_FLIGHT_PER_CONNECTION_MAX * 2 + 100
  client.send(flood(held, count))
  await client.until(() => workshop.dispatched >= IN_FLIGHT_PER_CONNECTION_MAX)
  await pause(100)
  t.equal(workshop.dispatched, IN_FLIGHT_PER_CONNECTION_MAX)
  while (client.answers.length < count + 1) {
    workshop.waiting.splice(0).forEach(answer => {
      answer()
    })
    await pause(5)
  }
  t.equal(workshop.dispatched, count)
  t.equal(client.answers.at(-1)?.id, count)
  client.close()
})

t.test('another connection is served while one is stopped', async t => {
  const { path } = await served(t)
  const slow = await RawClient.greeted(path)
  slow.socket.pause()
  slow.send(flood(big, 60))
  await pause(100)
  const quick = await RawClient.greeted(path, 'b'.repeat(32))
  quick.send(flood(big, 3))
  await quick.until(() => quick.answers.length === 4)
  slow.close()
  quick.close()
  t.pass()
})

t.test('garbage is answered by its name, and the connection ends even if the peer stays', async t => {
  const { server, path } = await served(t)
  const clients: RawClient[] = []
  for (const [garbage, code] of [
    [Buffer.from([255, 255, 255, 255]), 'FRAME_TOO_LARGE'],
    [Buffer.from([3, 0, 0, 0, 1, 2, 3]), 'BAD_FRAME'],
    [Buffer.from([8, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0]), 'BAD_FRAME'],
    [frameOf(big.id, Buffer.alloc(0), { sequence: Number.NaN }), 'BAD_FRAME'],
    [frameOf(big.id, Buffer.alloc(0), { sequence: 0.5 }), 'BAD_FRAME'],
  ] as const) {
    const client = await RawClient.greeted(path)
    client.socket.allowHalfOpen = true
    client.send(garbage)
    client.send(flood(big, 1))
    await client.until(() => client.answers.length === 2)
    t.equal(client.answers[1]?.error?.code, code)
    t.equal(client.answers[1]?.id, 0)
    clients.push(client)
  }
  await clients[0]?.until(() => server.connections === 0)
})

t.test('whoever does not begin with hello is told so and cut off', async t => {
  const { workshop, path } = await served(t)
  const client = await RawClient.connect(path)
  client.send(requestFrame(big, {}))
  t.equal((await client.ended())?.code, 'UNAUTHENTICATED')
  t.equal(workshop.dispatched, 0)
})

t.test('a peer that goes away in the middle of anything is forgotten', async t => {
  const { workshop, server, path } = await served(t)
  const client = await RawClient.greeted(path)
  client.send(Buffer.concat([flood(held, 5), flood(held, 1).subarray(0, 9)]))
  await client.until(() => workshop.dispatched === 5)
  client.close()
  await client.until(() => server.connections === 0)
  workshop.waiting.forEach(answer => {
    answer()
  })
  t.pass('answers for nobody are dropped')
})

t.test('an answer that cannot be read rejects its call and ends the connection', async t => {
  const path = join(mkdtempSync(join(tmpdir(), 'hopbine-rpc-')), 's')
  const liar = createServer(socket => {
    socket.on('data', () => {
      const answer = Buffer.alloc(24)
      answer.writeUInt32LE(20)
      answer[4] = 2
      answer.writeUInt32LE(1, 8)
      // A payload that claims to be longer than its message.
      answer.writeUInt32LE(1000, 20)
      socket.write(answer)
    })
    socket.on('error', () => undefined)
  })
  await new Promise<void>(resolve => liar.listen(path, resolve))
  t.teardown(() => {
    liar.close()
  })
  const greeting = { version: 1, versionOldest: 1, clientId: 'a'.repeat(32) }
  const events = { onClose: () => undefined, onPush: () => undefined }
  await t.rejects(Connection.open({ path }, greeting, events), { code: 'BAD_FRAME' })
})
