// test-timeout-seconds: 300
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatanodeAddress } from '@hopbine/common/protocol/types.ts'
import { ChildService } from '@hopbine/common/testing/child-service.ts'
import { SmallNamenode } from '@hopbine/common/testing/small-namenode.ts'
import t from 'tap'
import { BlockPeer } from '../testing/block-peer.ts'
import type { DatanodeConfig } from './datanode.ts'

const MIB = 1024 * 1024
const MAIN = new URL('../main.ts', import.meta.url).href

async function setUp(t: { teardown(end: () => Promise<void>): void }): Promise<{
  namenode: SmallNamenode
  config: DatanodeConfig
}> {
  const namenode = new SmallNamenode()
  const address = await namenode.start()
  const dataDir = mkdtempSync(join(tmpdir(), 'hopbine-crash-'))
  t.teardown(async () => {
    await namenode.stop()
    rmSync(dataDir, { recursive: true })
  })
  const config = {
    dataDir,
    namenode: { address, token: 'token' },
    logLevel: 'silent',
    scrubBytesPerSecond: 0,
  }
  return { namenode, config }
}

t.test('kill -9 in the middle of a write loses no synced byte and serves no bad one', async t => {
  const { namenode, config } = await setUp(t)
  const bytes = randomBytes(24 * MIB)
  for (let round = 0; round < 8; round++) {
    const first = await ChildService.start(MAIN, config)
    const block = namenode.locate(100 + round, [memberOf(first)])
    const writer = await BlockPeer.connect(memberOf(first))
    await writer.open(block, 0)
    const synced = 1 + round * 777_777
    writer.push(bytes.subarray(0, synced), 300_001)
    t.equal(await writer.sync(), synced)
    writer.push(bytes.subarray(synced), 40_000 + round * 100_000)
    await new Promise(resolve => setTimeout(resolve, round * 4))
    await first.kill()
    writer.close()

    const second = await ChildService.start(MAIN, config)
    const again = await BlockPeer.connect(memberOf(second))
    const moved = namenode.locate(100 + round, [memberOf(second)])
    const { length } = await again.open(moved, -1)
    t.ok(length >= synced, `${length} of ${bytes.length} bytes are there, ${synced} were synced`)
    again.push(bytes.subarray(length))
    t.equal(await again.seal(), bytes.length)
    t.ok((await again.read(moved)).equals(bytes))
    again.close()
    await second.end()
  }
})

t.test('a datanode killed again and again in small appends keeps every acknowledged one', async t => {
  const { namenode, config } = await setUp(t)
  const bytes = randomBytes(4 * MIB)
  let acknowledged = 0
  for (let round = 0; round < 6; round++) {
    const datanode = await ChildService.start(MAIN, config)
    const block = namenode.locate(500, [memberOf(datanode)])
    const writer = await BlockPeer.connect(memberOf(datanode))
    const { length } = await writer.open(block, round === 0 ? 0 : -1)
    t.ok(length >= acknowledged, `${length} bytes are there, ${acknowledged} were acknowledged`)
    t.ok((await readBeside(datanode, block)).equals(bytes.subarray(0, length)))
    acknowledged = length
    for (let count = 0; count < 50 + round * 13; count++) {
      writer.push(bytes.subarray(acknowledged, acknowledged + 4097))
      await writer.acknowledged()
      acknowledged += 4097
    }
    writer.push(bytes.subarray(acknowledged, acknowledged + 100_000), 1500)
    await datanode.kill()
    writer.close()
  }
})

t.test('a folder is used by one datanode at a time, and a killed one leaves it free', async t => {
  const { config } = await setUp(t)
  const first = await ChildService.start(MAIN, config)
  await t.rejects(ChildService.start(MAIN, config), { message: /in use by process \d+/ })
  await first.kill()
  const second = await ChildService.start(MAIN, config)
  t.equal(second.nodeId, first.nodeId)
  t.equal(await second.end(), 0)
  const lock = join(config.dataDir, 'lock')
  const elsewhere = { pid: 1, started: '1', world: 'another machine', token: 'x' }
  writeFileSync(lock, JSON.stringify(elsewhere))
  await t.rejects(
    ChildService.start(MAIN, config),
    { message: /in use by process 1/ },
    'touched a moment ago',
  )
  const longAgo = new Date(Date.now() - 60_000)
  utimesSync(lock, longAgo, longAgo)
  const third = await ChildService.start(MAIN, config)
  t.equal(await third.end(), 0)
})

function memberOf({ nodeId, address }: ChildService): DatanodeAddress {
  return { nodeId, ...address }
}

async function readBeside(datanode: ChildService, block: Parameters<BlockPeer['read']>[0]): Promise<Buffer> {
  const reader = await BlockPeer.connect(memberOf(datanode))
  const bytes = await reader.read(block)
  reader.close()
  return bytes
}
