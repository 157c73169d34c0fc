import { fsck, status } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { method } from '@hopbine/common/protocol/method.ts'
import { addPrincipal, hello } from '@hopbine/common/protocol/session.ts'
import { type Address, Connection } from '@hopbine/common/rpc/connection.ts'
import { nothing } from '@hopbine/common/wire/codec.ts'
import t from 'tap'
import { OPERATOR_NAME, ServedNamenode, TOKEN } from './testing/served-namenode.ts'

const EVENTS = { onClose: () => undefined, onPush: () => undefined }
const GREETING = { version: 1, versionOldest: 1, clientId: 'a'.repeat(32) }

async function open(t: { teardown(body: () => void): void }, address: Address, greeting: object = {}) {
  const opened = await Connection.open(address, { ...GREETING, ...greeting }, EVENTS)
  t.teardown(() => opened.connection.close())
  return opened
}

const write = (sequence: number) => ({ sequence, behind: sequence - 1 })
const mkdirOf = (path: string) => ({ path, mode: 0o755 })

t.test('who comes over the socket is the operator; over TCP he shows the token', async t => {
  const served = await ServedNamenode.start(t)
  const { welcome } = await open(t, { path: served.socketPath })
  t.match(welcome, { version: 1, user: OPERATOR_NAME, superuser: true, clusterId: /^[0-9a-f]{16}$/ })
  const tcp = { host: '127.0.0.1', port: served.port }
  t.match((await open(t, tcp, { token: TOKEN })).welcome, { user: OPERATOR_NAME, superuser: true })
  for (const token of [undefined, '', 'wrong', TOKEN.slice(1), `${TOKEN}x`, TOKEN.toUpperCase()]) {
    await t.rejects(open(t, tcp, { token }), { code: 'UNAUTHENTICATED', errno: 'EACCES' }, `${token}`)
  }
})

t.test('the operator acts as anyone, who then has only his own rights', async t => {
  const served = await ServedNamenode.start(t)
  const address = { path: served.socketPath }
  const ada = await open(t, address, { actAs: { user: 'ada', groups: ['staff'] } })
  t.match(ada.welcome, { user: 'ada', groups: ['staff'], superuser: false })
  await t.rejects(ada.connection.call(rpc.mkdir, mkdirOf('/a'), write(1)), { code: 'ACCESS_DENIED' })
  await t.rejects(ada.connection.call(status, {}), { code: 'NOT_PERMITTED' })
  await t.rejects(ada.connection.call(fsck, { repair: false }, write(2)), { code: 'NOT_PERMITTED' })
  await t.rejects(ada.connection.call(rpc.changes, { from: 0, max: 0, waitMs: 0 }), { code: 'NOT_PERMITTED' })
  const other = { user: 'bob', groups: [], replace: 0 }
  await t.rejects(ada.connection.call(addPrincipal, other), { code: 'NOT_PERMITTED' })
  t.match((await open(t, address, { actAs: { user: 'bob', groups: [] } })).welcome, { groups: ['bob'] })
})

t.test('names of users and groups have a bound, and so has their number', async t => {
  const served = await ServedNamenode.start(t)
  const address = { path: served.socketPath }
  for (const actAs of [
    { user: '', groups: [] },
    { user: 'x'.repeat(256), groups: [] },
    { user: 'ada', groups: [''] },
    { user: 'ada', groups: ['ä'.repeat(128)] },
    { user: 'ada', groups: Array.from({ length: 70_000 }, (_, i) => `${i}`) },
  ]) {
    await t.rejects(open(t, address, { actAs }), { code: 'INVALID_ARGUMENT' })
  }
  const groups = Array.from({ length: 1000 }, (_, i) => `g${i}`)
  const { connection } = await open(t, address, { actAs: { user: 'x'.repeat(255), groups } })
  await t.rejects(connection.call(rpc.mkdir, mkdirOf('/a'), write(1)), { code: 'ACCESS_DENIED' })
  await served.stop()
  await served.start()
  t.ok(await served.client().call(rpc.stat, { path: '/', followLast: false }), 'the log can be read again')
})

t.test('one connection speaks for several principals by their handles', async t => {
  const served = await ServedNamenode.start(t)
  const { connection } = await open(t, { path: served.socketPath })
  await connection.call(rpc.chmod, { path: '/', mode: 0o777 }, write(1))
  const { handle } = await connection.call(addPrincipal, { user: 'ada', groups: ['ada'], replace: 0 })
  const { status: made } = await connection.call(rpc.mkdir, mkdirOf('/a'), { ...write(2), principal: handle })
  t.equal(made.owner, 'ada')
  const unknown = { ...write(3), principal: 77 }
  await t.rejects(connection.call(rpc.mkdir, mkdirOf('/b'), unknown), { code: 'UNAUTHENTICATED' })
})

t.test('a version that is too old or too new is refused by name', async t => {
  const served = await ServedNamenode.start(t)
  const address = { path: served.socketPath }
  for (const versions of [
    { version: 0, versionOldest: 0 },
    { version: 9, versionOldest: 2 },
  ]) {
    await t.rejects(open(t, address, versions), { code: 'VERSION_MISMATCH', errno: 'EPROTONOSUPPORT' })
  }
  t.match((await open(t, address, { version: 9, versionOldest: 1 })).welcome, { version: 1 })
  for (const clientId of ['', 'x'.repeat(32), 'a'.repeat(31), 'A'.repeat(32), `${'a'.repeat(32)}\n`]) {
    await t.rejects(open(t, address, { clientId }), { code: 'INVALID_ARGUMENT' }, JSON.stringify(clientId))
  }
})

t.test('another shard, an unknown method and a write without a number are refused', async t => {
  const served = await ServedNamenode.start(t)
  const { connection } = await open(t, { path: served.socketPath })
  const stat = { path: '/', followLast: true }
  const wrongShard = { code: 'WRONG_SHARD', details: { shard: 0 }, retry: 'other-node' }
  await t.rejects(connection.call(rpc.stat, stat, { shard: 3 }), wrongShard)
  const future = method(999, 'future', 'read', 1, nothing, nothing)
  await t.rejects(connection.call(future, {}), { code: 'UNKNOWN_METHOD', errno: 'ENOSYS' })
  for (const id of [200, 201, 202, 203]) {
    const internal = method(id, 'internal', 'write', 1, nothing, nothing)
    await t.rejects(connection.call(internal, {}, write(1)), { code: 'UNKNOWN_METHOD' }, `${id}`)
  }
  await t.rejects(connection.call(rpc.mkdir, mkdirOf('/a')), { code: 'INVALID_ARGUMENT' })
  await t.rejects(connection.call(rpc.mkdir, mkdirOf('/a'), { sequence: -1 }), { code: 'INVALID_ARGUMENT' })
  t.ok((await connection.call(rpc.stat, stat)).status, 'the connection goes on')
})

t.test('refusals that quote what they were given stay within a message', async t => {
  const served = await ServedNamenode.start(t)
  const { connection } = await open(t, { path: served.socketPath })
  const noise = '\u0001'.repeat(65_000)
  await t.rejects(connection.call(rpc.stat, { path: noise, followLast: true }), { code: 'INVALID_ARGUMENT' })
  await t.rejects(connection.call(rpc.mkdir, mkdirOf(noise), write(1)), { code: 'INVALID_ARGUMENT' })
  await t.rejects(connection.call(rpc.mkdir, mkdirOf(`/${noise}`), write(2)), { code: 'NAME_TOO_LONG' })
  const quoted = { path: '/', owner: noise, group: undefined }
  await t.rejects(connection.call(rpc.chown, quoted, write(3)), { code: 'INVALID_ARGUMENT' })
  await served.stop()
  await served.start()
  t.ok((await served.client().call(rpc.stat, { path: '/', followLast: true })).status, 'the log replays')
})

t.test('hello may come again and changes who speaks', async t => {
  const served = await ServedNamenode.start(t)
  const { connection } = await open(t, { path: served.socketPath })
  await connection.call(hello, { ...GREETING, actAs: { user: 'ada', groups: ['ada'] } })
  await t.rejects(connection.call(rpc.mkdir, mkdirOf('/a'), write(1)), { code: 'ACCESS_DENIED' })
  await t.rejects(connection.call(hello, { ...GREETING, version: 0 }), { code: 'VERSION_MISMATCH' })
  t.ok(await connection.call(rpc.stat, { path: '/', followLast: true }))
})

t.test('status tells what there is', async t => {
  const served = await ServedNamenode.start(t)
  const client = served.client()
  await client.call(rpc.mkdir, mkdirOf('/a'))
  const create = { path: '/f', mode: 0o644, ifExists: 0, createParents: false, replication: 2, blockSize: 0 }
  await client.call(rpc.create, { ...create, inline: Buffer.from('12345') })
  const report = await client.call(status, {})
  t.match(report, { shard: 0, term: 1, files: 1, directories: 2, bytes: 5, diskBytes: 10, sessions: 1 })
  t.match(report, { openFiles: 0, reclaimPending: 0, readOnlyReason: '', datanodes: [] })
  t.ok(report.appliedIndex >= 3 && report.fsyncs > 0 && report.residentBytes > 0)
})
