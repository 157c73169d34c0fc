import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chunkCrcs } from '@hopbine/common/wire/chunk-crc.ts'
import t from 'tap'
import { makeCounters } from '../server/metrics.ts'
import { BlockService } from '../server/service.ts'
import { BlockStore } from '../store/block-store.ts'
import { blockPath } from '../store/layout.ts'
import { TempDatanode } from '../testing/temp-datanode.ts'
import { BlockSource } from './block-source.ts'

const BYTES = 3_000_000
const content = randomBytes(BYTES)

/** A store without a datanode around it, and a source that reads from it first. */
async function ownSource(t: { teardown(end: () => Promise<void>): void }) {
  const dataDir = mkdtempSync(join(tmpdir(), 'hopbine-source-'))
  const store = await BlockStore.open({ dataDir, reserveBytes: 0, onQuarantined: () => undefined })
  const counters = makeCounters(
    () => 0,
    () => 0,
  )
  const service = new BlockService({ store, counters, report: () => undefined })
  const source = new BlockSource(service, 'self')
  t.teardown(async () => {
    source.close()
    await store.close()
    rmSync(dataDir, { recursive: true })
  })
  const hold = async (blockId: number): Promise<string> => {
    const name = { blockId, group: 7 }
    const held = await store.useOrCreate(name, 1)
    for (let at = 0; at < BYTES; at += 1_000_000) {
      const bytes = content.subarray(at, at + 1_000_000)
      const { tailCrc } = held.file.view()
      await held.file.append([{ bytes, offset: at, crcs: chunkCrcs(bytes, at, tailCrc) }])
    }
    await held.file.seal()
    held.release()
    return blockPath(dataDir, name, 'blk')
  }
  return { source, store, hold }
}

async function mustRead(t: Tap, source: BlockSource, block: Parameters<BlockSource['read']>[0]) {
  for (const [offset, length] of [
    [0, 1024 * 1024],
    [999_999, 1024 * 1024],
    [65_535, 2],
    [BYTES - 1, 1],
  ] as const) {
    const target = Buffer.alloc(length)
    await source.read(block, offset, target)
    t.ok(target.equals(content.subarray(offset, offset + length)), `${length} at ${offset}`)
  }
}

type Tap = Pick<typeof t, 'ok'>

t.test('it reads its own copy, and the copies of others where it has none', async t => {
  const { source, hold } = await ownSource(t)
  const temp = await TempDatanode.start(t)
  await hold(1)
  await mustRead(t, source, temp.namenode.locate(1, []))
  await mustRead(t, source, await temp.hold(2, content))
  const elsewhere = temp.namenode.locate(3, [])
  await t.rejects(source.read(elsewhere, 0, Buffer.alloc(1)), { code: 'BLOCK_NOT_FOUND' })
})

t.test('a bad copy here is taken out of service, and another one serves', async t => {
  const { source, store, hold } = await ownSource(t)
  const temp = await TempDatanode.start(t)
  const path = await hold(10)
  const file = await open(path, 'r+')
  await file.write(Buffer.from([(content[70_000] ?? 0) ^ 1]), 0, 1, 70_000)
  await file.close()
  await mustRead(t, source, await temp.hold(10, content))
  t.same(store.quarantined, [10])
})

t.test('it goes on to the next member when one is away or has lost the block', async t => {
  const { source } = await ownSource(t)
  const good = await TempDatanode.start(t)
  const empty = await TempDatanode.start(t, {}, good.namenode)
  await good.hold(20, content)
  const away = { nodeId: 'away', host: '127.0.0.1', port: 1 }
  await mustRead(t, source, good.namenode.locate(20, [away, empty.member, good.member]))
  await t.rejects(source.read(good.namenode.locate(20, [empty.member, away]), 0, Buffer.alloc(1)), {
    code: 'UNAVAILABLE',
  })
})

t.test('closing it leaves no read waiting', async t => {
  const { source } = await ownSource(t)
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(30, content)
  await source.read(block, 0, Buffer.alloc(1))
  const reading = source.read(block, 0, Buffer.alloc(1024 * 1024))
  await new Promise(resolve => setImmediate(resolve))
  source.close()
  const [outcome] = await Promise.allSettled([reading])
  if (outcome?.status === 'rejected') t.match(outcome.reason, { code: 'UNAVAILABLE' })
})
