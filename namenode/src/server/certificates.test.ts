// test-timeout-seconds: 400
/** Joining a cluster, keeping a certificate, and a group of namenodes that speak TLS to one another. */
import { randomBytes, X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, watch, writeFileSync } from 'node:fs'
import { join as pathOf } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { makeKey, makeRequest } from '@hopbine/common/pki/authority.ts'
import { CertificateKeeper } from '@hopbine/common/pki/certificate-keeper.ts'
import { NodeCredentials, type TlsDialer } from '@hopbine/common/pki/credentials.ts'
import { INVITATION_MS, invite } from '@hopbine/common/pki/invitations.ts'
import { join } from '@hopbine/common/pki/joining.ts'
import { certificatesIn, fingerprintOf } from '@hopbine/common/pki/pem.ts'
import { pkiFolder, writeWhole } from '@hopbine/common/pki/pki-folder.ts'
import { parseToken } from '@hopbine/common/pki/token.ts'
import { joinCluster } from '@hopbine/common/protocol/certificates.ts'
import { status } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { tellMember } from '@hopbine/common/protocol/raft.ts'
import { PROTOCOL_VERSION } from '@hopbine/common/protocol/version.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { Connection, decodeFailure } from '@hopbine/common/rpc/connection.ts'
import { frameOf } from '@hopbine/common/testing/raw-client.ts'
import { TestAuthority } from '@hopbine/common/testing/test-authority.ts'
import { FRAME_KIND } from '@hopbine/common/wire/frame.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import t, { type Test } from 'tap'
import { homeOf, kill, startChild } from './testing/killed-namenode.ts'
import { ServedGroup } from './testing/served-group.ts'
import { ServedNamenode } from './testing/served-namenode.ts'

const HOST = '127.0.0.1'
const SEED = Number(process.env.HOPBINE_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31))

async function authorityFor(t: Test, validMs?: number): Promise<TestAuthority> {
  const authority = await TestAuthority.make(validMs)
  t.teardown(() => authority.remove())
  return authority
}

function served(t: Test, authority: TestAuthority): Promise<ServedNamenode> {
  return ServedNamenode.start(t, { tls: { folder: authority.folder.path, mode: 'on' } })
}

function invited(authority: TestAuthority, expiresMs = Date.now() + INVITATION_MS) {
  const invitation = { role: 'datanode', id: 'newcomer', expiresMs } as const
  return parseToken(invite(authority.folder, authority.signer, invitation))
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

/** Trusts the cluster and shows no certificate. */
function naked(authority: TestAuthority): TlsDialer {
  return {
    refusalOf: () => undefined,
    dial: (host, port) =>
      connect({ host, port, ca: authority.signer.roots, checkServerIdentity: () => undefined }),
  }
}

t.test('a token lets one machine in, once, and what it gets opens connections', async t => {
  const authority = await authorityFor(t)
  const { port } = await served(t, authority)
  const token = invited(authority)
  const folder = pkiFolder(pathOf(authority.path, 'd1'))
  const name = await join(folder, token, { host: HOST, port }, ['localhost'])
  t.same(name, { cluster: authority.signer.cluster, role: 'datanode', id: 'newcomer' })
  const tls = (await NodeCredentials.load(folder.path)).dialer('namenode')
  const client = new RpcClient({ address: { host: HOST, port, tls }, retryMs: 0 })
  t.teardown(() => client.close())
  t.equal((await client.welcome()).user, 'datanode')
  t.equal((await refused(client.call(rpc.mkdir, { path: '/a', mode: 0o755 }))).code, 'NOT_PERMITTED')
  t.equal((await refused(join(folder, token, { host: HOST, port }, []))).code, 'ALREADY_EXISTS')

  const elsewhere = pkiFolder(pathOf(authority.path, 'd2'))
  const used = await refused(join(elsewhere, token, { host: HOST, port }, []))
  t.same([used.code, used.details.reason], ['UNAUTHENTICATED', 'token-used'])
  t.match(used.message, /was used already/)
  const wrong = await refused(
    join(elsewhere, { ...token, secret: randomBytes(16) }, { host: HOST, port }, []),
  )
  t.equal(wrong.details.reason, 'token-unknown')
  const late = await refused(join(elsewhere, invited(authority, Date.now() - 1), { host: HOST, port }, []))
  t.equal(late.details.reason, 'token-expired')
  t.match(late.message, /expired at 20/)
  t.notOk(existsSync(elsewhere.nodeFile), 'nothing of these came to anything')
  const files = readdirSync(authority.folder.invitationsFolder).map(file =>
    readFileSync(pathOf(authority.folder.invitationsFolder, file), 'utf8'),
  )
  t.notOk(
    files.some(text => text.includes(token.secret.toString('base64url'))),
    'no secret is kept',
  )
})

t.test('the token is sent to nobody but a server of its own cluster', async t => {
  const authority = await authorityFor(t)
  const other = await authorityFor(t)
  const { port } = await served(t, other)
  const token = invited(authority)
  const folder = pkiFolder(pathOf(authority.path, 'd1'))
  const error = await refused(join(folder, token, { host: HOST, port }, []))
  t.same([error.code, error.details.reason], ['UNAUTHENTICATED', 'fingerprint'])
  const right = await served(t, authority)
  t.equal((await join(folder, token, { host: HOST, port: right.port }, [])).id, 'newcomer', 'still unused')
})

t.test('without a certificate nothing but joining is answered', async t => {
  const authority = await authorityFor(t)
  const { port } = await served(t, authority)
  const address = { host: HOST, port, tls: naked(authority) }
  const hello = {
    version: PROTOCOL_VERSION,
    versionOldest: 1,
    clientId: 'f'.repeat(32),
    token: 'a token of thirty-two characters',
    actAs: undefined,
  }
  const events = { onClose: () => undefined, onPush: () => undefined }
  const greeted = await refused(Connection.open(address, hello, events))
  t.same([greeted.code, greeted.details.reason], ['UNAUTHENTICATED', 'none'], 'not even with the token')
  const asked = await refused(Connection.ask(address, status, {}))
  t.same([asked.code, asked.message], ['UNAUTHENTICATED', 'the first request must be hello'])
})

t.test('a namenode that is killed around the answer gives one key one certificate', async t => {
  const authority = await authorityFor(t)
  const { config } = homeOf(t)
  const tls = { folder: authority.folder.path, mode: 'on' } as const
  let answered = 0
  let usedUnanswered = 0
  // `used`: at the moment when the token is used up, and the answer is not sent yet.
  const moments = ['used', 'used', 400] as const
  for (const moment of moments) {
    const port = 20_000 + Math.floor(Math.random() * 20_000)
    const address = { host: HOST, port, tls: naked(authority) }
    let child = await startChild({ ...config, port, tls })
    t.teardown(() => kill(child))
    const token = invited(authority)
    const csr = await makeRequest(makeKey().keyPem, 'newcomer')
    const request = { secret: token.secret, csr, hosts: ['localhost'] }
    const unknown = { ...request, secret: randomBytes(16) }
    // What signs is loaded by then.
    t.equal((await refused(Connection.ask(address, joinCluster, unknown))).details.reason, 'token-unknown')
    const first = Connection.ask(address, joinCluster, request).then(
      ({ chain }) => chain,
      () => undefined,
    )
    if (moment === 'used') await tokenUsed(authority.folder.invitationsFolder, () => child.kill('SIGKILL'))
    else await sleep(moment)
    await kill(child)
    const before = await first
    if (before !== undefined) answered += 1
    else if (moment === 'used') usedUnanswered += 1
    child = await startChild({ ...config, port, tls })
    const { chain } = await Connection.ask(address, joinCluster, request)
    if (before !== undefined) t.equal(chain, before, 'the same certificate again')
    t.equal((await Connection.ask(address, joinCluster, request)).chain, chain)
    const foreignKey = { ...request, csr: await makeRequest(makeKey().keyPem, 'thief') }
    t.equal((await refused(Connection.ask(address, joinCluster, foreignKey))).details.reason, 'token-used')
    await kill(child)
  }
  t.comment(`${answered} of ${moments.length} answered before the kill, ${usedUnanswered} used unanswered`)
})

/** Calls `then` in the turn in which a file appears that marks a token as used. */
function tokenUsed(folder: string, then: () => void): Promise<void> {
  return new Promise(resolve => {
    const watcher = watch(folder, (_event, name) => {
      if (name?.endsWith('.used') !== true) return
      then()
      watcher.close()
      resolve()
    })
  })
}

t.test('any bytes as a request to join end at worst their own connection', async t => {
  t.comment(`seed ${SEED}, again: HOPBINE_TEST_SEED=${SEED}`)
  const authority = await authorityFor(t)
  const { port } = await served(t, authority)
  const token = invited(authority)
  const csr = await makeRequest(makeKey().keyPem, 'newcomer')
  const writer = new Writer(512)
  joinCluster.request.encode(writer, { secret: token.secret, csr, hosts: ['localhost'] })
  const sound = writer.copy()
  let state = SEED
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const codes = new Map<string, number>()
  for (let i = 0; i < 150; i++) {
    const payload = Buffer.from(i % 3 === 0 ? randomBytes(next(400)) : sound)
    // Bytes behind the secret: the token is right, what comes with it is not.
    for (let n = 0; n < 1 + next(4) && payload.length > 40; n++) {
      payload[20 + next(payload.length - 20)] = next(256)
    }
    const code = await endingOf(authority, port, frameOf(joinCluster.id, payload))
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  t.comment(JSON.stringify(Object.fromEntries(codes)))
  const foreseen = [
    'BAD_FRAME',
    'INVALID_ARGUMENT',
    'UNAUTHENTICATED',
    'FRAME_TOO_LARGE',
    'INVALID_NAME',
    'answer',
  ]
  for (const code of codes.keys()) t.ok(foreseen.includes(code), code)
  const folder = pkiFolder(pathOf(authority.path, 'after'))
  t.equal((await join(folder, invited(authority), { host: HOST, port }, [])).id, 'newcomer', 'it goes on')
})

function endingOf(authority: TestAuthority, port: number, frame: Buffer): Promise<string> {
  return new Promise(resolve => {
    const socket = naked(authority).dial(HOST, port)
    let received = Buffer.alloc(0)
    const end = (): void => {
      socket.destroy()
      // Length, kind, flags, method, id and index stand before the failure itself.
      const kind = received[4]
      if (kind === FRAME_KIND.response) resolve('answer')
      else resolve(decodeFailure(new Reader(received, 20, received.length)).code)
    }
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length >= 4 && received.length >= 4 + received.readUInt32LE(0)) end()
    })
    socket.on('error', () => resolve('closed'))
    socket.on('close', () => resolve('closed'))
    socket.once('secureConnect', () => socket.write(frame))
  })
}

t.test('a namenode renews its own certificate, and shows the new one without a restart', async t => {
  const authority = await authorityFor(t, 8_000)
  const { port } = await served(t, authority)
  const before = await shownBy(authority, port)
  t.ok(before.validToDate.getTime() < Date.now() + 10_000)
  await until(async () => (await shownBy(authority, port)).validToDate.getTime() > Date.now() + 60_000)
  const after = await shownBy(authority, port)
  t.equal(after.subjectAltName, before.subjectAltName)
  t.notSame(fingerprintOf(after), fingerprintOf(before))
  t.notSame(
    after.publicKey.export({ format: 'jwk' }),
    before.publicKey.export({ format: 'jwk' }),
    'a new key',
  )
})

t.test('a node that joined renews over its certificate, and hears who was revoked', async t => {
  const authority = await authorityFor(t)
  const { port } = await served(t, authority)
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 10_000) }
  const folder = await authority.node('d1', { validity })
  writeWhole(folder.joinedFile, JSON.stringify({ host: HOST, port }))
  const other = pkiFolder(pathOf(authority.path, 'd2'))
  await join(other, invited(authority), { host: HOST, port }, [])
  await authority.signer.revoke('newcomer')
  const credentials = await NodeCredentials.load(folder.path)
  const reports: string[] = []
  const keeper = new CertificateKeeper({ credentials, report: event => reports.push(event) })
  keeper.start()
  t.teardown(() => keeper.stop())
  await until(() => existsSync(folder.revokedFile) && credentials.own.notAfterMs > Date.now() + 60_000)
  t.same([...new Set(reports)], ['certificate-kept'])
  t.equal(credentials.own.name.id, 'd1')
  const [revoked] = certificatesIn(readFileSync(other.nodeFile, 'utf8'), other.nodeFile)
  const peer = (await NodeCredentials.load(other.path)).own
  t.equal(peer.serialNumber, revoked?.serialNumber)
  t.equal((await refused(Promise.resolve().then(() => credentials.check(peer)))).details.reason, 'revoked')
})

t.test('members of a group speak TLS to one another, and clients follow the leader over it', async t => {
  const authority = await authorityFor(t)
  const tls = { folder: authority.folder.path, mode: 'on' } as const
  const group = await ServedGroup.start(t, 3, { tls })
  await group.leader()
  const dialer = (await NodeCredentials.load(authority.folder.path)).dialer('namenode')
  const [first, ...others] = group.members.map(({ id, host, port }) => ({
    address: { host, port, tls: dialer },
    member: id,
  }))
  const client = new RpcClient({ address: { host: HOST, port: 1 }, ...first, others, retryMs: 10_000 })
  t.teardown(() => client.close())
  await client.call(rpc.mkdir, { path: '/a', mode: 0o755 })
  t.equal((await client.call(rpc.stat, { path: '/a', followLast: true })).status.name, 'a')

  const node = await authority.node('d1')
  const datanode = (await NodeCredentials.load(node.path)).dialer('namenode')
  const address = { host: HOST, port: group.members[0]?.port ?? 0, tls: datanode }
  let ended: FsError | undefined
  const hello = { version: PROTOCOL_VERSION, versionOldest: 1, clientId: 'f'.repeat(32) }
  const events = {
    onClose: (error: FsError) => {
      ended = error
    },
    onPush: () => undefined,
  }
  const greeting = { ...hello, token: undefined, actAs: undefined }
  const { connection } = await Connection.open(address, greeting, events)
  connection.tell(tellMember, { message: { type: 'timeout-now', from: 2, to: 1, term: 99 } })
  await until(() => ended !== undefined)
  t.equal(ended?.code, 'NOT_PERMITTED', 'a datanode is no member')
})

t.test('a member without a certificate is not heard by those that have one', async t => {
  const authority = await authorityFor(t)
  const folder = await authority.node('n1', { role: 'user' })
  const { port } = await served(t, authority)
  const tls = (await NodeCredentials.load(folder.path)).dialer('namenode')
  const client = new RpcClient({ address: { host: HOST, port, tls }, retryMs: 0 })
  t.equal((await refused(client.welcome())).details.reason, 'no-node')
  writeFileSync(folder.nodeFile, 'nothing')
  t.equal((await refused(NodeCredentials.load(folder.path))).code, 'CORRUPT')
})

function shownBy(authority: TestAuthority, port: number): Promise<X509Certificate> {
  return new Promise((resolve, reject) => {
    const socket = naked(authority).dial(HOST, port)
    socket.once('error', reject)
    socket.once('secureConnect', () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw))
      socket.destroy()
    })
  })
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 100) {
    if (waited > 20_000) throw new Error('it did not come to this')
    await sleep(100)
  }
}
