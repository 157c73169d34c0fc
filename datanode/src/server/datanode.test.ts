import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { SmallNamenode } from '@hopbine/common/testing/small-namenode.ts'
import t from 'tap'
import { blockPath } from '../store/layout.ts'
import { BlockPeer } from '../testing/block-peer.ts'
import { TempDatanode, until } from '../testing/temp-datanode.ts'
import { startDatanode } from './datanode.ts'

t.test('it registers with its address, beats, and keeps its id over restarts', async t => {
  const temp = await TempDatanode.start(t, { rack: '/rack-9' })
  const { nodeId, address } = temp.datanode
  t.match(temp.namenode.registrations, [{ nodeId, host: '127.0.0.1', port: address.port, rack: '/rack-9' }])
  await temp.hold(10, Buffer.alloc(5))
  await until(() => temp.namenode.heartbeats.at(-1)?.blocks === 1)
  const beat = temp.namenode.heartbeats.at(-1)
  t.match(beat, { nodeId, badBlocks: [], full: false })
  t.ok((beat?.capacityBytes ?? 0) >= (beat?.freeBytes ?? 0) && (beat?.freeBytes ?? 0) > 0)
  await temp.restart()
  t.equal(temp.datanode.nodeId, nodeId)
  await until(() => temp.namenode.heartbeats.at(-1)?.blocks === 1)
})

t.test('it serves on while the namenode is away, and registers again when it returns', async t => {
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(20, Buffer.alloc(5000, 8))
  await temp.namenode.stop()
  const peer = await temp.peer()
  t.equal((await peer.read(block)).length, 5000)
  await new Promise(resolve => setTimeout(resolve, 200))
  t.equal((await peer.read(block)).length, 5000)
  const before = temp.namenode.registrations.length
  await temp.namenode.start()
  await until(() => temp.namenode.registrations.length > before)
  t.equal((await peer.read(temp.locate(20))).length, 5000)
  peer.close()
})

t.test('started before its namenode it refuses requests by name until it has met it', async t => {
  const namenode = new SmallNamenode()
  await namenode.start()
  await namenode.stop()
  const temp = await TempDatanode.start(t, {}, namenode)
  const peer = await temp.peer()
  await t.rejects(peer.read(temp.locate(30)), { code: 'UNAVAILABLE' })
  await namenode.start()
  t.teardown(() => namenode.stop())
  await until(() => namenode.heartbeats.length > 0)
  await t.rejects(peer.read(temp.locate(30)), { code: 'BLOCK_NOT_FOUND' })
  peer.close()
})

t.test("another cluster's folder and a newer format are refused with a sentence", async t => {
  const temp = await TempDatanode.start(t)
  await temp.datanode.stop()
  const { clusterId } = temp.namenode
  temp.namenode.clusterId = randomBytes(16).toString('hex')
  await t.rejects(startDatanode(temp.config), {
    code: 'INVALID_ARGUMENT',
    message: new RegExp(`holds blocks of cluster ${clusterId}`),
  })
  temp.namenode.clusterId = clusterId
  const path = join(temp.dataDir, 'format.json')
  const stamp = JSON.parse(readFileSync(path, 'utf8'))
  t.match(stamp, { format: 1, nodeId: temp.datanode.nodeId, clusterId })
  writeFileSync(path, JSON.stringify({ ...stamp, format: 2 }))
  await t.rejects(startDatanode(temp.config), { code: 'UNSUPPORTED', message: /format 2.*newer Hopbine/ })
  writeFileSync(path, 'not json')
  await t.rejects(startDatanode(temp.config), { code: 'CORRUPT' })
  writeFileSync(path, JSON.stringify(stamp))
  await t.rejects(startDatanode({ ...temp.config, nodeId: 'other' }), { code: 'INVALID_ARGUMENT' })
  await temp.restart()
})

t.test('a running datanode whose namenode becomes another cluster stops serving', async t => {
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(40, Buffer.alloc(10))
  await temp.namenode.stop()
  temp.namenode.clusterId = randomBytes(16).toString('hex')
  await new Promise(resolve => setTimeout(resolve, 120))
  await temp.namenode.start()
  await until(() => !existsSync(join(temp.dataDir, 'lock')))
  await t.rejects(
    temp.peer().then(peer => peer.read(block)),
    { code: 'UNAVAILABLE' },
  )
})

t.test('a full disk refuses new blocks, takes what is open to its end, and says so', async t => {
  const temp = await TempDatanode.start(t)
  const open = await temp.peer()
  await open.open(temp.locate(50), 0)
  open.push(Buffer.alloc(1000))
  await open.acknowledged()
  open.close()
  await temp.datanode.stop()
  const full = await startDatanode({ ...temp.config, reserveBytes: 2 ** 60 })
  t.teardown(() => full.stop())
  await until(() => temp.namenode.heartbeats.at(-1)?.full === true)
  const member = { nodeId: full.nodeId, ...full.address }
  const peer = await BlockPeer.connect(member)
  await t.rejects(peer.open(temp.namenode.locate(51, [member]), 0), { code: 'NO_SPACE' })
  t.notOk(existsSync(blockPath(temp.dataDir, { blockId: 51, group: 7 }, 'open')))
  const old = temp.namenode.locate(50, [member])
  t.equal((await peer.open(old, -1)).length, 1000)
  peer.push(Buffer.alloc(500))
  t.equal(await peer.seal(), 1500)
  t.equal((await peer.read(old)).length, 1500)
  peer.close()
})

t.test('a bad byte on disk is never served, is quarantined, and is reported once', async t => {
  const temp = await TempDatanode.start(t)
  const bytes = randomBytes(3_000_000)
  const block = await temp.hold(60, bytes)
  const path = blockPath(temp.dataDir, { blockId: 60, group: 7 }, 'blk')
  await temp.datanode.stop()
  const bad = Buffer.from(bytes)
  bad[2_500_000] = (bad[2_500_000] ?? 0) ^ 1
  writeFileSync(path, bad)
  await temp.restart()
  const peer = await temp.peer()
  const good = temp.locate(60)
  t.ok((await peer.read(good, 0, 2_000_000)).equals(bytes.subarray(0, 2_000_000)))
  await t.rejects(peer.read(good), { code: 'CORRUPT' })
  t.notOk(existsSync(path))
  await until(() => temp.namenode.heartbeats.some(beat => beat.badBlocks.includes(60)))
  const { length } = temp.namenode.heartbeats
  await until(() => temp.namenode.heartbeats.length > length + 2)
  t.equal(temp.namenode.heartbeats.filter(beat => beat.badBlocks.includes(60)).length, 1)
  await t.rejects((await temp.peer()).read(good, 0, 1), { code: 'CORRUPT' })
  await t.rejects(peer.open(temp.locate(60), 0), { code: 'CORRUPT' })
  t.equal(block.blockId, 60)
  peer.close()
})

t.test('a bad byte in a block that is being written ends its writer', async t => {
  const temp = await TempDatanode.start(t)
  const writer = await temp.peer()
  await writer.open(temp.locate(65), 0)
  writer.push(Buffer.alloc(100_000, 1))
  await writer.sync()
  const path = blockPath(temp.dataDir, { blockId: 65, group: 7 }, 'open')
  const bytes = readFileSync(path)
  bytes[10] = 2
  writeFileSync(path, bytes)
  const reader = await temp.peer()
  await t.rejects(reader.read(temp.locate(65)), { code: 'CORRUPT' })
  writer.push(Buffer.alloc(10))
  await t.rejects(writer.sync(), { code: 'LEASE_LOST' })
  await until(() => temp.namenode.heartbeats.some(beat => beat.badBlocks.includes(65)))
  reader.close()
})

t.test('the scrubber finds a bad byte that nobody reads, within its rate', async t => {
  const temp = await TempDatanode.start(t, { scrubBytesPerSecond: 20_000_000 })
  const bytes = randomBytes(2_000_000)
  for (const blockId of [70, 71, 72]) await temp.hold(blockId, bytes)
  const open = await temp.peer()
  await open.open(temp.locate(73), 0)
  open.push(Buffer.alloc(100_000))
  await open.acknowledged()
  await temp.datanode.stop()
  const bad = Buffer.from(bytes)
  bad[1_999_999] = (bad[1_999_999] ?? 0) ^ 128
  writeFileSync(blockPath(temp.dataDir, { blockId: 71, group: 7 }, 'blk'), bad)
  await temp.restart()
  const started = performance.now()
  t.equal(await temp.datanode.scrub(), 1)
  t.ok(performance.now() - started > 200, '6 MB at 20 MB a second')
  await until(() => temp.namenode.heartbeats.some(beat => beat.badBlocks.includes(71)))
  t.equal(await temp.datanode.scrub(), 0)
})

t.test('a tombstone drops its block only after the namenode has confirmed that it does not live', async t => {
  const temp = await TempDatanode.start(t)
  for (const blockId of [80, 81, 82]) await temp.hold(blockId, Buffer.alloc(10))
  const writing = await temp.peer()
  await writing.open(temp.locate(83), 0)
  writing.push(Buffer.alloc(10))
  await writing.acknowledged()
  const dead = new Set([81, 83, 84])
  temp.namenode.isLive = blockId => !dead.has(blockId)
  for (const blockId of [80, 81, 83, 84]) temp.namenode.tombstones.set(blockId, { blockId, group: 7 })
  await until(() => temp.namenode.confirmed.length >= 3)
  t.same([...temp.namenode.confirmed].sort(), [81, 83, 84], 'also one that it never had')
  t.ok(temp.namenode.asked.includes(80), 'it asked about the living one too')
  const peer = await temp.peer()
  t.equal((await peer.read(temp.locate(80))).length, 10)
  t.equal((await peer.read(temp.locate(82))).length, 10)
  for (const blockId of [81, 83]) {
    await t.rejects(peer.read(temp.locate(blockId)), { code: 'BLOCK_NOT_FOUND' })
    for (const suffix of ['blk', 'open', 'crc'] as const) {
      t.notOk(existsSync(blockPath(temp.dataDir, { blockId, group: 7 }, suffix)))
    }
  }
  dead.add(80)
  await until(() => temp.namenode.confirmed.includes(80))
  await t.rejects(peer.read(temp.locate(80)), { code: 'BLOCK_NOT_FOUND' })
  peer.close()
})

t.test('metrics are served over HTTP', async t => {
  const temp = await TempDatanode.start(t, { metricsPort: 0 })
  const block = await temp.hold(90, Buffer.alloc(12_345))
  const peer = await temp.peer()
  await peer.read(block)
  const url = `http://127.0.0.1:${temp.datanode.metricsPort}/metrics`
  const text = await (await fetch(url)).text()
  for (const line of [
    'hopbine_datanode_blocks 1',
    'hopbine_datanode_read_bytes_total 12345',
    'hopbine_datanode_written_bytes_total 12345',
    'hopbine_datanode_connections 1',
  ]) {
    t.ok(text.includes(`\n${line}\n`), line)
  }
  t.equal((await fetch(url.replace('metrics', 'other'))).status, 404)
  peer.close()
})
