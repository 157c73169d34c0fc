/** Who gets in over TLS and who does not, and certificates that change while connections last. */
import { execFileSync, spawn } from 'node:child_process'
import { cpSync, renameSync, rmSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { type FsError, isFsError } from '../base/errors.ts'
import { NodeCredentials, type TlsDialer, type TlsPeer } from '../pki/credentials.ts'
import type { PkiFolder } from '../pki/pki-folder.ts'
import { method } from '../protocol/method.ts'
import type { HelloRequest } from '../protocol/session.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { TestAuthority } from '../testing/test-authority.ts'
import { nothing, record, text } from '../wire/codec.ts'
import { RpcClient } from './client.ts'
import { Connection } from './connection.ts'
import type { Principal } from './principal.ts'
import { RpcServer, type RpcService, type Transport } from './server.ts'
import type { RequestHeader, ServerConnection } from './server-connection.ts'

const echo = method(900, 'echo', 'read', 1, nothing, record({ who: text }))
const other = method(901, 'other', 'read', 1, nothing, record({ who: text }))

/** Says to each caller who it is. */
class Mirror implements RpcService {
  clusterId = 'c'
  readonly reports: { event: string; message: unknown }[] = []

  authenticate(_hello: HelloRequest, transport: Transport, peer?: TlsPeer): Principal {
    const user = peer === undefined ? transport : `${peer.name.role} ${peer.name.id}`
    const calls = peer?.name.role === 'datanode' ? { calls: new Set([echo.id]) } : {}
    return { user, groups: [user], superuser: true, ...calls }
  }

  index(): number {
    return 1
  }

  closed(): void {
    // Nothing is kept per connection.
  }

  report(event: string, { message }: Record<string, unknown>): void {
    this.reports.push({ event, message })
  }

  dispatch(connection: ServerConnection, header: RequestHeader): void {
    connection.respond(header, echo.response, { who: header.principal.user })
  }
}

interface Served {
  readonly authority: TestAuthority
  readonly mirror: Mirror
  readonly server: RpcServer
  readonly port: number
}

/** Of a short certificate, and from one to the next, in milliseconds: times in them are whole seconds. */
const LIFE_MS = 4_500
const RENEWAL_MS = 1_800
const DAY_MS = 24 * 3600 * 1000

async function serve(t: Test, authority: TestAuthority, folder: PkiFolder): Promise<Served> {
  const mirror = new Mirror()
  const server = new RpcServer(mirror)
  const credentials = await NodeCredentials.load(folder.path)
  const port = await server.listenTcp('127.0.0.1', 0, { credentials, isPlainForAll: false })
  t.teardown(() => server.close())
  return { authority, mirror, server, port }
}

async function served(t: Test): Promise<Served> {
  const authority = await TestAuthority.make()
  t.teardown(() => authority.remove())
  return serve(t, authority, authority.folder)
}

async function dialer(folder: PkiFolder): Promise<TlsDialer> {
  return (await NodeCredentials.load(folder.path)).dialer('namenode')
}

const greeting = (): HelloRequest => ({
  version: PROTOCOL_VERSION,
  versionOldest: 1,
  clientId: 'f'.repeat(32),
  token: undefined,
  actAs: undefined,
})

const events = { onClose: () => undefined, onPush: () => undefined }

async function welcomed(port: number, tls: TlsDialer | undefined): Promise<string> {
  const { connection, welcome } = await Connection.open({ host: '127.0.0.1', port, tls }, greeting(), events)
  connection.close()
  return welcome.user
}

async function refused(work: Promise<unknown>): Promise<FsError> {
  try {
    await work
  } catch (error) {
    if (isFsError(error)) return error
    throw error
  }
  throw new Error('it was not refused')
}

t.test('a node is known by its certificate, and loopback may speak plainly on the same port', async t => {
  const { authority, port } = await served(t)
  t.equal(await welcomed(port, await dialer(await authority.node('d1'))), 'datanode d1')
  t.equal(await welcomed(port, await dialer(authority.folder)), 'namenode first')
  t.equal(await welcomed(port, undefined), 'tcp')
})

t.test('a certificate that will not do is refused by name, and the other side says why', async t => {
  const { authority, mirror, port } = await served(t)
  const foreign = await TestAuthority.make()
  t.teardown(() => foreign.remove())
  const past = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
  const future = { notBefore: new Date(Date.now() + DAY_MS), notAfter: new Date(Date.now() + 2 * DAY_MS) }
  const cases: [name: string, folder: PkiFolder, reason: string, sentence: RegExp][] = [
    ['of another cluster', await foreign.node('d1'), 'foreign', /of another cluster/],
    ['expired', await authority.node('old', { validity: past }), 'expired', /datanode old expired at 20/],
    [
      'not yet valid',
      await authority.node('new', { validity: future }),
      'not-yet-valid',
      /not valid before 20/,
    ],
    [
      'of a user',
      await authority.node('alice', { role: 'user' }),
      'no-node',
      /user alice is not one of a node/,
    ],
    ['for servers only', await authority.node('s', { usages: ['server'] }), 'purpose', /another purpose/],
    [
      'that claims another cluster',
      await authority.node('x', { cluster: 'f'.repeat(16) }),
      'foreign',
      /is of cluster f/,
    ],
  ]
  for (const [name, folder, reason, sentence] of cases) {
    // It must trust the server to get so far, whatever it shows itself.
    cpSync(authority.folder.caFile, folder.caFile)
    const own = (await NodeCredentials.load(folder.path)).material
    const naive: TlsDialer = {
      refusalOf: () => undefined,
      dial: (host, port) => connectTls({ ...own, host, port, checkServerIdentity: () => undefined }),
    }
    mirror.reports.length = 0
    const error = await refused(welcomed(port, naive))
    t.equal(error.code, 'UNAUTHENTICATED', name)
    t.equal(error.details.reason, reason, name)
    t.match(error.message, sentence, name)
    t.same(mirror.reports, [{ event: 'peer-refused', message: error.message }], name)
  }
})

t.test('without a certificate there is no hello', async t => {
  const { authority, port } = await served(t)
  const { ca } = (await NodeCredentials.load(authority.folder.path)).material
  const naked: TlsDialer = {
    refusalOf: () => undefined,
    dial: (host, port) => connectTls({ ca, host, port, checkServerIdentity: () => undefined }),
  }
  const connection = await welcomed(port, naked)
  t.equal(connection, 'tls', 'what such a connection may do is the service’s affair')
})

t.test('a client speaks only to a namenode of its own cluster', async t => {
  const authority = await TestAuthority.make()
  const foreign = await TestAuthority.make()
  t.teardown(() => authority.remove())
  t.teardown(() => foreign.remove())
  const own = await dialer(await authority.node('d1'))
  const past = { notBefore: new Date(Date.now() - 2 * DAY_MS), notAfter: new Date(Date.now() - DAY_MS) }
  const cases: [reason: string, folder: PkiFolder, sentence: RegExp][] = [
    ['foreign', foreign.folder, /of another cluster/],
    ['role', await authority.node('d2'), /the server is datanode d2, not a namenode/],
    ['expired', await authority.node('n2', { role: 'namenode', validity: past }), /expired/],
    ['purpose', await authority.node('n3', { role: 'namenode', usages: ['client'] }), /another purpose/],
  ]
  for (const [reason, folder, sentence] of cases) {
    const { port } = await serve(t, authority, folder)
    const error = await refused(welcomed(port, own))
    t.equal(error.code, 'UNAUTHENTICATED', reason)
    t.equal(error.details.reason, reason)
    t.match(error.message, sentence)
  }
})

t.test('a server that speaks no TLS is said to', async t => {
  const authority = await TestAuthority.make()
  t.teardown(() => authority.remove())
  const server = new RpcServer(new Mirror())
  t.teardown(() => server.close())
  const port = await server.listenTcp('127.0.0.1', 0)
  const error = await refused(welcomed(port, await dialer(authority.folder)))
  t.equal(error.code, 'UNAVAILABLE')
  t.match(error.message, /does not speak TLS/)
})

t.test('a datanode may call what is its own and act as nobody else', async t => {
  const { authority, port } = await served(t)
  const tls = await dialer(await authority.node('d1'))
  const client = new RpcClient({ address: { host: '127.0.0.1', port, tls }, retryMs: 0 })
  t.teardown(() => client.close())
  t.same(await client.call(echo, {}), { who: 'datanode d1' })
  t.equal((await refused(client.call(other, {}))).code, 'NOT_PERMITTED')
  const asRoot = client.as({ user: 'root', groups: ['root'] })
  t.equal((await refused(asRoot.call(echo, {}))).code, 'NOT_PERMITTED')
  const actAs = { user: 'root', groups: [] }
  const acting = new RpcClient({ address: { host: '127.0.0.1', port, tls }, retryMs: 0, actAs })
  t.equal((await refused(acting.call(other, {}))).code, 'NOT_PERMITTED')
})

t.test('a revoked certificate ends its open connections and opens no more', async t => {
  const { authority, mirror, port } = await served(t)
  const tls = await dialer(await authority.node('d1'))
  const spared = await dialer(await authority.node('d2'))
  const client = new RpcClient({ address: { host: '127.0.0.1', port, tls }, retryMs: 5_000 })
  const other = new RpcClient({ address: { host: '127.0.0.1', port, tls: spared }, retryMs: 0 })
  t.teardown(() => client.close())
  t.teardown(() => other.close())
  await client.call(echo, {})
  await other.call(echo, {})
  // The test's nodes are not in the book of what was issued, so this one is entered by its number.
  const { serialNumber } = (await NodeCredentials.load(`${authority.path}/d1`)).own
  authority.signer.enter({ serialNumber, role: 'datanode', id: 'd1', notAfterMs: Date.now() + DAY_MS })
  t.equal((await authority.signer.revoke('d1')).length, 1)
  await sleep(2_500)
  t.ok(
    mirror.reports.some(({ event, message }) => event === 'peer-ended' && /was revoked/.test(`${message}`)),
  )
  const error = await refused(client.call(echo, {}))
  t.equal(error.details.reason, 'revoked')
  t.same(await other.call(echo, {}), { who: 'datanode d2' }, 'nobody else is concerned')
  const out = openssl(['crl', '-in', authority.folder.revokedFile, '-noout', '-text'])
  t.match(out.replaceAll(':', ''), new RegExp(serialNumber, 'i'), 'openssl reads the list')
})

t.test('certificates are renewed under load without a failed call, on both sides', async t => {
  const { authority, mirror, port } = await served(t)
  const folder = await authority.node('d1', { validity: shortly(LIFE_MS) })
  const credentials = await NodeCredentials.load(folder.path)
  t.teardown(
    credentials.watch(
      () => undefined,
      error => t.fail(error.message),
    ),
  )
  const address = { host: '127.0.0.1', port, tls: credentials.dialer('namenode') }
  const client = new RpcClient({ address, retryMs: 5_000 })
  t.teardown(() => client.close())
  const until = Date.now() + 9_000
  let calls = 0
  const load = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (Date.now() < until) {
        const { who } = await client.call(echo, {})
        if (who !== 'datanode d1') throw new Error(`taken for ${who}`)
        calls += 1
        // Connections that are made meanwhile succeed too.
        if (calls % 500 === 0) await welcomed(port, address.tls)
      }
    }),
  )
  for (let i = 0; i < 4; i++) {
    await sleep(RENEWAL_MS)
    await authority.node('d1', { validity: shortly(i === 3 ? 60_000 : LIFE_MS) })
    const next = await authority.node(`first-${i}`, { role: 'namenode', id: 'first' })
    renameSync(next.nodeFile, authority.folder.nodeFile)
  }
  await load
  const ended = mirror.reports.filter(({ event }) => event === 'peer-ended').length
  t.ok(ended >= 1, `${calls} calls, ${ended} connections ended with their certificate`)
})

function shortly(ms: number): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + ms) }
}

function openssl(args: readonly string[], input = ''): string {
  return execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'pipe'] })
}

t.test('openssl verifies the chain, and its client gets TLS 1.3 and nothing older', async t => {
  const { authority, port } = await served(t)
  const { caFile, nodeFile } = authority.folder
  t.match(openssl(['verify', '-CAfile', caFile, '-untrusted', nodeFile, nodeFile]), /OK/)
  t.match(
    openssl(['verify', '-verify_ip', '127.0.0.1', '-CAfile', caFile, '-untrusted', nodeFile, nodeFile]),
    /OK/,
  )
  const client = async (...args: string[]): Promise<string> => {
    const child = spawn('openssl', [
      ...['s_client', '-connect', `127.0.0.1:${port}`, '-CAfile', caFile],
      ...['-cert', nodeFile, '-key', nodeFile, '-verify_return_error', ...args],
    ])
    let said = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (said += String(chunk)))
    setTimeout(() => child.stdin.end(), 500)
    await new Promise(resolve => child.once('close', resolve))
    return said
  }
  const said = await client()
  t.match(said, /TLSv1\.3/)
  t.match(said, /Verify return code: 0 \(ok\)/)
  t.match(said, /Acceptable client certificate CA names|Client Certificate Types|Requested Signature/)
  t.match(await client('-tls1_2'), /alert protocol version|no protocols available|wrong version/i)
})

t.test('garbage and silence behind a first byte of TLS harm nobody', async t => {
  const { authority, port } = await served(t)
  const seed = Math.floor(Math.random() * 2 ** 32)
  let state = seed
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 24
  }
  for (let i = 0; i < 60; i++) {
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('error', () => undefined)
    const body = Buffer.from(Array.from({ length: 1 + next() * 4 }, next))
    socket.write(i % 2 === 0 ? Buffer.concat([Buffer.from([0x16, 0x03, 0x01]), body]) : body)
    setTimeout(() => socket.destroy(), 100 + next())
  }
  await sleep(600)
  t.equal(await welcomed(port, await dialer(await authority.node('d1'))), 'datanode d1', `seed ${seed}`)
})

t.test('others than the owner may not be able to read a key', async t => {
  const authority = await TestAuthority.make()
  t.teardown(() => authority.remove())
  execFileSync('chmod', ['644', authority.folder.nodeFile])
  t.match((await refused(NodeCredentials.load(authority.folder.path))).message, /chmod 600/)
  rmSync(authority.folder.nodeFile)
  t.equal((await refused(NodeCredentials.load(authority.folder.path))).code, 'NOT_FOUND')
})
