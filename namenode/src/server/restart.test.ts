/** What a namenode is after it was stopped, tampered with, restored or started twice. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  backupBegin,
  backupEnd,
  backupRead,
  fsck,
  heartbeat,
  registerDatanode,
  status,
} from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { Connection } from '@hopbine/common/rpc/connection.ts'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { SCHEMA_VERSION } from '../store/schema.ts'
import { startNamenode } from './namenode.ts'
import { restoreBackup } from './restore.ts'
import { ServedNamenode } from './testing/served-namenode.ts'

const write = (sequence: number, behind = 0) => ({ sequence, behind })
const mkdirOf = (path: string) => ({ path, mode: 0o755 })
const statOf = (path: string) => ({ path, followLast: true })

async function connect(t: Test, served: ServedNamenode, clientId: string): Promise<Connection> {
  const greeting = { version: 1, versionOldest: 1, clientId }
  const events = { onClose: () => undefined, onPush: () => undefined }
  const { connection } = await Connection.open({ path: served.socketPath }, greeting, events)
  t.teardown(() => connection.close())
  return connection
}

function store(served: ServedNamenode): string {
  return join(served.dataDir, 'shard-0', 'store.db')
}

t.test(
  'a retry on another connection and after a restart gets the first answer, also a failed one',
  async t => {
    const served = await ServedNamenode.start(t)
    const clientId = 'c'.repeat(32)
    const first = await connect(t, served, clientId)
    const made = await first.call(rpc.mkdir, mkdirOf('/a'), write(1))
    await t.rejects(first.call(rpc.mkdir, mkdirOf('/a'), write(2, 1)), { code: 'ALREADY_EXISTS' })
    await first.call(rpc.rename, { from: '/a', to: '/b', mode: 0 }, write(3, 2))
    const again = async (connection: Connection): Promise<void> => {
      t.same(await connection.call(rpc.mkdir, mkdirOf('/a'), write(1)), made)
      await t.rejects(connection.call(rpc.mkdir, mkdirOf('/a'), write(2, 1)), { code: 'ALREADY_EXISTS' })
      await connection.call(rpc.rename, { from: '/a', to: '/b', mode: 0 }, write(3, 2))
      await t.rejects(connection.call(rpc.stat, statOf('/a')), { code: 'NOT_FOUND' })
    }
    await again(await connect(t, served, clientId))
    await served.stop()
    await served.start()
    const later = await connect(t, served, clientId)
    await again(later)
    await later.call(rpc.mkdir, mkdirOf('/c'), write(4, 0))
    await t.rejects(later.call(rpc.mkdir, mkdirOf('/a'), write(1)), { code: 'SESSION_EXPIRED' })
    await t.rejects(later.call(rpc.stat, statOf('/a')), { code: 'NOT_FOUND' }, 'it was not applied again')
  },
)

t.test('a retry gets the first answer even when the leader would refuse to prepare it now', async t => {
  const served = await ServedNamenode.start(t)
  const connection = await connect(t, served, 'd'.repeat(32))
  const open = { path: '/f', mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
  const { status: file } = await connection.call(rpc.create, open, write(1))
  const node = { nodeId: 'n1', host: '127.0.0.1', port: 9, rack: '/' }
  await connection.call(registerDatanode, node, write(2, 1))
  const beat = { capacityBytes: 9, freeBytes: 9, blocks: 0, badBlocks: [], full: false, rewriting: [] }
  await connection.call(heartbeat, { nodeId: 'n1', ...beat })
  const request = { inodeId: file.id, exclude: [] }
  const { block } = await connection.call(rpc.addBlock, request, write(3, 2))
  await served.stop()
  await served.start()
  const later = await connect(t, served, 'd'.repeat(32))
  const { block: again } = await later.call(rpc.addBlock, request, write(3, 2))
  t.equal(again.blockId, block.blockId, 'although no datanode has reported since the restart')
  await t.rejects(later.call(rpc.addBlock, request, write(4, 3)), { code: 'NO_DATANODE' })
})

t.test('everything is there after a restart, and ids go on', async t => {
  const served = await ServedNamenode.start(t)
  let client = served.client()
  const ids: number[] = []
  const make = async (path: string): Promise<void> => {
    ids.push((await client.call(rpc.mkdir, mkdirOf(path))).status.id)
  }
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) await make(`/${round}-${i}`)
    await served.stop()
    await served.start()
    client = served.client()
  }
  t.equal((await client.call(rpc.list_, { path: '/', after: '', max: 0 })).entries.length, 60)
  t.equal(new Set(ids).size, 60)
  t.match(await client.call(status, {}), { term: 4, directories: 61 })
})

t.test('a second namenode on the same folder is refused and the first goes on', async t => {
  const served = await ServedNamenode.start(t)
  const second = startNamenode(served.config({ socketPath: join(served.folder, 'other.sock') }))
  await t.rejects(second, { code: 'BUSY', message: /another namenode uses .*: stop it first/ })
  t.ok(await served.client().call(rpc.mkdir, mkdirOf('/a')))
  t.throws(() => restoreBackup(served.dataDir, 'none'), { code: 'BUSY' })
})

t.test('a folder of a newer format is refused with a sentence', async t => {
  const served = await ServedNamenode.start(t)
  await served.stop()
  const db = new Database(store(served))
  db.pragma(`user_version = ${SCHEMA_VERSION + 7}`)
  db.close()
  await t.rejects(served.start(), { code: 'UNSUPPORTED', message: /has format .*, this program knows up to/ })
  const again = new Database(store(served))
  again.pragma(`user_version = ${SCHEMA_VERSION}`)
  again.close()
  await served.start()
  t.ok(await served.client().call(rpc.stat, statOf('/')), 'and the refusal let the folder go')
})

t.test('fsck finds totals that were tampered with, and puts them right', async t => {
  const served = await ServedNamenode.start(t)
  const file = { path: '/a/f', mode: 0o644, ifExists: 0, createParents: true, replication: 2, blockSize: 0 }
  await served.client().call(rpc.create, { ...file, inline: Buffer.from('12345') })
  await served.stop()
  const db = new Database(store(served))
  db.exec("UPDATE directory SET bytes = 77, files = 9 WHERE id = (SELECT id FROM entry WHERE name = 'a')")
  db.close()
  await served.start()
  const client = served.client()
  t.match(await client.call(rpc.summary, { path: '/a' }), { bytes: 77, files: 9 })
  const found = await client.call(fsck, { repair: false })
  t.match(found, { repaired: 0, files: 1 })
  t.ok(found.problems.some(problem => /bytes should be 5 and is 77/.test(problem)))
  t.match(await client.call(fsck, { repair: true }), { repaired: 1 })
  t.same((await client.call(fsck, { repair: false })).problems, [])
  t.match(await client.call(rpc.summary, { path: '/a' }), { bytes: 5, files: 1, diskBytes: 10 })
})

async function download(client: RpcClient, file: string): Promise<number> {
  const { backupId, sizeBytes, index } = await client.call(backupBegin, {})
  const pieces: Uint8Array[] = []
  for (let at = 0; at < sizeBytes; ) {
    const { data } = await client.call(backupRead, { backupId, offset: at, length: 50_000 })
    pieces.push(Buffer.from(data))
    at += data.length
  }
  await client.call(backupEnd, { backupId })
  await t.rejects(client.call(backupRead, { backupId, offset: 0, length: 1 }), { code: 'NOT_FOUND' })
  writeFileSync(file, Buffer.concat(pieces))
  return index
}

t.test('a backup is the state of one moment, and comes back as it was', async t => {
  const served = await ServedNamenode.start(t)
  const file = join(served.folder, 'backup')
  const session = await connect(t, served, 'e'.repeat(32))
  const before = await session.call(rpc.mkdir, mkdirOf('/before'), write(1))
  const index = await download(served.client(), file)
  const after = await session.call(rpc.mkdir, mkdirOf('/after'), write(2, 1))
  await served.stop()
  const restored = restoreBackup(served.dataDir, file)
  t.match(restored, { index, files: 0, directories: 2 })
  t.ok(existsSync(join(restored.former as string, 'store.db')), 'what was there is kept')
  await served.start()
  const client = served.client()
  const names = (await client.call(rpc.list_, { path: '/', after: '', max: 0 })).entries
  t.match(names, [{ name: 'before', id: before.status.id }])
  const later = await connect(t, served, 'e'.repeat(32))
  t.same(await later.call(rpc.mkdir, mkdirOf('/before'), write(1)), before, 'answers came back too')
  const made = await later.call(rpc.mkdir, mkdirOf('/new'), write(3, 0))
  t.ok(made.status.id > after.status.id + 1_000_000, 'no id is given twice')
  const { events } = await client.call(rpc.changes, { from: 0, max: 0, waitMs: 0 })
  t.match(events, [{ name: 'before' }, { name: 'new' }])
  t.ok((events[1]?.index ?? 0) > index + 1_000_000, 'nor an index')
  await served.stop()
  t.ok(restoreBackup(served.dataDir, file).former, 'a backup can be restored again')
  await served.start()
})

t.test('what is no backup is refused and nothing is touched', async t => {
  const served = await ServedNamenode.start(t)
  await served.client().call(rpc.mkdir, mkdirOf('/a'))
  await served.stop()
  const file = join(served.folder, 'junk')
  const damaged = join(served.folder, 'damaged')
  writeFileSync(file, 'no database at all')
  copyFileSync(store(served), damaged)
  const bytes = readFileSync(damaged)
  bytes.fill(0xee, 4096, 20_000)
  writeFileSync(damaged, bytes)
  new Database(join(served.folder, 'foreign')).exec('CREATE TABLE meta (x)').close()
  for (const name of ['junk', 'damaged', 'foreign']) {
    const restore = (): unknown => restoreBackup(served.dataDir, join(served.folder, name))
    t.throws(restore, { code: 'INVALID_ARGUMENT', message: /cannot be restored/ }, name)
  }
  t.throws(() => restoreBackup(served.dataDir, join(served.folder, 'none')), { code: /ENOENT|NOT_FOUND/ })
  await served.start()
  t.ok(await served.client().call(rpc.stat, statOf('/a')))
})

t.test('a missing log is noticed: the namenode does not start as if nothing had been', async t => {
  const served = await ServedNamenode.start(t)
  await served.client().call(rpc.mkdir, mkdirOf('/a'))
  await served.stop()
  const log = join(served.dataDir, 'shard-0', 'log')
  writeFileSync(join(log, '0000000000000001.log'), Buffer.alloc(32 * 1024 * 1024))
  await t.rejects(served.start(), { code: 'CORRUPT', message: /restore a backup/ })
  rmSync(log, { recursive: true })
  await served.start()
  t.ok(await served.client().call(rpc.stat, statOf('/a')), 'a log that the store does not need may be gone')
})
