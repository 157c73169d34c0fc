import { randomBytes } from 'node:crypto'
import { isFsError } from '@hopbine/common/base/errors.ts'
import t from 'tap'
import { BlockCluster } from './block-cluster.ts'
import { readBlock } from './block-reader.ts'
import { BlockWriter } from './block-writer.ts'

const MIB = 1024 * 1024

async function readAll(cluster: BlockCluster, blockId: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const bytes of readBlock(cluster.pool, cluster.locate(blockId), 0, -1)) parts.push(bytes)
  return Buffer.concat(parts)
}

t.test('writes of odd sizes make one block, and their memory may be used again at once', async t => {
  const cluster = await BlockCluster.start(t)
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(1))
  const bytes = randomBytes(20 * MIB + 17)
  const memory = Buffer.alloc(3 * MIB)
  for (let at = 0, step = 1; at < bytes.length; at += step, step = ((step * 7919) % (3 * MIB)) + 1) {
    const part = memory.subarray(0, bytes.copy(memory, 0, at, Math.min(at + step, bytes.length)))
    await writer.write(part)
    memory.fill(0xee)
  }
  t.equal(writer.length, bytes.length)
  await writer.flush()
  t.equal(writer.acknowledged, bytes.length)
  t.equal(await writer.seal(), bytes.length)
  t.ok((await readAll(cluster, 1)).equals(bytes))
})

t.test('overlapping writes keep the order of their calls', async t => {
  const cluster = await BlockCluster.start(t)
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(2))
  const parts = Array.from({ length: 300 }, (_part, index) => Buffer.alloc(100_000 + index, index % 256))
  await Promise.all([...parts.map(part => writer.write(part)), writer.sync()])
  await writer.close()
  t.ok((await readAll(cluster, 2)).equals(Buffer.concat(parts)))
})

t.test('a writer goes on at the end, where it is told, and never over synced bytes', async t => {
  const cluster = await BlockCluster.start(t)
  const first = await BlockWriter.open(cluster.pool, cluster.locate(3))
  await first.write(Buffer.alloc(1000, 1))
  await first.sync()
  await first.write(Buffer.alloc(1000, 2))
  await first.close()
  await first.close()
  await t.rejects(first.write(Buffer.alloc(1)), { code: 'INVALID_ARGUMENT' })
  const open = (startOffset: number): Promise<BlockWriter> =>
    BlockWriter.open(cluster.pool, cluster.locate(3), { startOffset })
  await t.rejects(open(999), { code: 'INVALID_ARGUMENT' })
  await t.rejects(open(2001), { code: 'BLOCK_NOT_FOUND' })
  const second = await open(-1)
  t.equal(second.length, 2000)
  await second.close()
  const third = await open(1500)
  await third.write(Buffer.alloc(10, 3))
  t.equal(await third.seal(), 1510)
  const expected = Buffer.concat([Buffer.alloc(1000, 1), Buffer.alloc(500, 2), Buffer.alloc(10, 3)])
  t.ok((await readAll(cluster, 3)).equals(expected))
})

t.test('a datanode that dies and comes back is written to on, from where its copy ends', async t => {
  const cluster = await BlockCluster.start(t)
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(4), { reconnectMs: 20_000 })
  const bytes = randomBytes(40 * MIB)
  for (let at = 0; at < bytes.length; at += 500_000) {
    await writer.write(bytes.subarray(at, at + 500_000))
    if (at === 15_000_000) {
      await cluster.datanode().kill()
      await cluster.restart()
    }
  }
  t.equal(await writer.seal(), bytes.length)
  t.ok((await readAll(cluster, 4)).equals(bytes))
})

t.test('a sync and a seal that were on their way are asked again', async t => {
  const cluster = await BlockCluster.start(t)
  const bytes = randomBytes(5 * MIB)
  for (const what of ['sync', 'seal'] as const) {
    const blockId = what === 'sync' ? 5 : 6
    const writer = await BlockWriter.open(cluster.pool, cluster.locate(blockId), { reconnectMs: 20_000 })
    await writer.write(bytes)
    const asked = what === 'sync' ? writer.sync() : writer.seal()
    await cluster.datanode().kill()
    await cluster.restart()
    await asked
    await writer.close()
    t.ok((await readAll(cluster, blockId)).equals(bytes), what)
  }
})

t.test('a datanode that stays away fails the writer, which hands out what was not acknowledged', async t => {
  const cluster = await BlockCluster.start(t)
  const { nodeId } = cluster.datanode()
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(7), { reconnectMs: 200 })
  const bytes = randomBytes(3 * MIB)
  await writer.write(bytes.subarray(0, MIB))
  await writer.sync()
  await cluster.datanode().kill()
  await writer.write(bytes.subarray(MIB))
  await t.rejects(writer.flush(), { code: 'UNAVAILABLE', details: { nodeId } })
  await t.rejects(writer.write(bytes), { code: 'UNAVAILABLE' })
  t.equal(writer.acknowledged, MIB)
  t.ok(Buffer.concat(writer.unacknowledged()).equals(bytes.subarray(MIB)))
  await writer.close()
})

t.test(
  'a chain whose member dies fails at once and names it; the rest seals what was acknowledged',
  async t => {
    const cluster = await BlockCluster.start(t, 3)
    const bytes = randomBytes(6 * MIB)
    const writer = await BlockWriter.open(cluster.pool, cluster.locate(8))
    await writer.write(bytes.subarray(0, 2 * MIB))
    await writer.sync()
    const { nodeId } = cluster.datanode(1)
    await cluster.datanode(1).kill()
    const failure = await writer.write(bytes.subarray(2 * MIB)).then(
      () => writer.flush().catch(error => error),
      error => error,
    )
    t.match(failure, { code: 'UNAVAILABLE', details: { nodeId } })
    const { acknowledged } = writer
    t.ok(acknowledged >= 2 * MIB)
    t.ok(Buffer.concat(writer.unacknowledged()).equals(bytes.subarray(acknowledged, writer.length)))
    const rest = cluster.locate(8, {}, [cluster.member(0), cluster.member(2)])
    const sealer = await BlockWriter.open(cluster.pool, rest, { startOffset: acknowledged })
    t.equal(await sealer.seal(), acknowledged)
    for (const index of [0, 2]) {
      const parts: Buffer[] = []
      const one = cluster.locate(8, {}, [cluster.member(index)])
      for await (const part of readBlock(cluster.pool, one, 0, -1)) parts.push(part)
      t.ok(Buffer.concat(parts).equals(bytes.subarray(0, acknowledged)), `member ${index}`)
    }
  },
)

t.test('an expired capability is renewed when the writer can, and refused when it cannot', async t => {
  const cluster = await BlockCluster.start(t)
  const expired = cluster.locate(9, { expirySeconds: 1000 })
  await t.rejects(BlockWriter.open(cluster.pool, expired), { code: 'BAD_CAPABILITY' })
  let refreshes = 0
  const refresh = async (): Promise<ReturnType<typeof cluster.locate>> => {
    refreshes += 1
    return cluster.locate(9)
  }
  const writer = await BlockWriter.open(cluster.pool, expired, { refresh })
  await writer.write(Buffer.alloc(10))
  await writer.seal()
  t.equal(refreshes, 1)
})

t.test(
  'a full datanode refuses a new block with NO_SPACE, and no other member is needed to know',
  async t => {
    const cluster = await BlockCluster.start(t)
    await cluster.restart(0, { reserveBytes: 2 ** 60 })
    await t.rejects(BlockWriter.open(cluster.pool, cluster.locate(10)), { code: 'NO_SPACE' })
  },
)

t.test('an abort ends the writer and everything that waits for it', async t => {
  const cluster = await BlockCluster.start(t)
  const control = new AbortController()
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(11), { signal: control.signal })
  const waiting = Promise.allSettled([writer.write(randomBytes(64 * MIB)), writer.sync()])
  control.abort()
  for (const result of await waiting) {
    t.ok(result.status === 'rejected' && isFsError(result.reason, 'CANCELLED'))
  }
  await t.rejects(writer.flush(), { code: 'CANCELLED' })
  await writer.close()
  const late = BlockWriter.open(cluster.pool, cluster.locate(12), { signal: control.signal })
  await t.rejects(late, { code: 'CANCELLED' })
})

t.test('a writer that is far ahead waits, and its memory stays small', async t => {
  const cluster = await BlockCluster.start(t)
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(13))
  const megabyte = randomBytes(MIB)
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  for (let count = 0; count < 256; count++) {
    await writer.write(megabyte)
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    if (writer.length - writer.acknowledged > 9 * MIB) t.fail('the window is 8 MiB')
  }
  t.equal(await writer.seal(), 256 * MIB)
  t.ok(most < 16 * MIB, `${most} bytes at most`)
})
