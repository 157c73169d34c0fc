import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { BlockCluster } from './block-cluster.ts'
import type { ReadBlockOptions } from './block-io.ts'
import { readBlock, readBlockInto } from './block-reader.ts'
import { BlockWriter } from './block-writer.ts'

const MIB = 1024 * 1024

async function hold(cluster: BlockCluster, blockId: number, bytes: Uint8Array): Promise<LocatedBlock> {
  const writer = await BlockWriter.open(cluster.pool, cluster.locate(blockId))
  await writer.write(bytes)
  await writer.seal()
  return cluster.locate(blockId)
}

async function read(
  cluster: BlockCluster,
  block: LocatedBlock,
  offset = 0,
  length = -1,
  options: ReadBlockOptions = {},
): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const bytes of readBlock(cluster.pool, block, offset, length, options)) {
    parts.push(options.reuse === true ? Buffer.from(bytes) : bytes)
  }
  return Buffer.concat(parts)
}

t.test(
  'every range of a block is read exactly, with fresh and with reused memory, and into given memory',
  async t => {
    const cluster = await BlockCluster.start(t)
    const bytes = randomBytes(4 * MIB + 99)
    const block = await hold(cluster, 1, bytes)
    const edges = [0, 1, 65_535, 65_536, 65_537, MIB - 1, MIB, MIB + 1, 3 * MIB + 5, bytes.length]
    for (const from of edges) {
      for (const to of edges.filter(edge => edge >= from)) {
        const expected = bytes.subarray(from, to)
        t.ok((await read(cluster, block, from, to - from)).equals(expected), `${from} to ${to}`)
        const reused = await read(cluster, block, from, to - from, { reuse: true })
        if (!reused.equals(expected)) t.fail(`${from} to ${to} in reused memory`)
        const target = Buffer.alloc(to - from)
        await readBlockInto(cluster.pool, block, from, target)
        if (!target.equals(expected)) t.fail(`${from} to ${to} into given memory`)
      }
    }
    t.ok((await read(cluster, block)).equals(bytes))
    await t.rejects(read(cluster, block, bytes.length, 1), { code: 'BLOCK_NOT_FOUND' })
  },
)

t.test('a bad copy and a dead member are passed over, and each is told', async t => {
  const cluster = await BlockCluster.start(t, 3)
  const bytes = randomBytes(6 * MIB)
  await hold(cluster, 2, bytes)
  const file = cluster.files(2).find(path => path.endsWith('.blk')) as string
  const bad = readFileSync(file)
  bad[4 * MIB + 3] = (bad[4 * MIB + 3] ?? 0) ^ 4
  writeFileSync(file, bad)
  await cluster.restart(0)
  const block = cluster.locate(2)
  await cluster.datanode(1).kill()
  const failed: string[] = []
  const onMemberFailed = (nodeId: string, error: Error): void => {
    failed.push(`${nodeId} ${(error as Error & { code: string }).code}`)
  }
  t.ok((await read(cluster, block, 0, -1, { onMemberFailed })).equals(bytes))
  const [first, second] = [0, 1].map(index => cluster.datanode(index).nodeId)
  t.same(failed, [`${first} CORRUPT`, `${second} UNAVAILABLE`])
  const two = { ...block, members: block.members.slice(0, 2) }
  await t.rejects(read(cluster, two), { code: 'CORRUPT' }, 'with no good copy the first failure is told')
  await t.rejects(read(cluster, { ...block, members: [] }), { code: 'NO_DATANODE' })
})

t.test('a read waits for a member that comes back, and ends with its failure if none does', async t => {
  const cluster = await BlockCluster.start(t)
  const bytes = randomBytes(6 * MIB)
  await hold(cluster, 7, bytes)
  const refresh = async (): Promise<LocatedBlock> => cluster.locate(7)
  const away = cluster.locate(7)
  await cluster.datanode(0).kill()
  const reading = read(cluster, away, 0, -1, { refresh, patienceMs: 20_000 })
  await sleep(200)
  await cluster.restart(0)
  t.ok((await reading).equals(bytes))

  await cluster.datanode(0).kill()
  const options = { refresh: async () => away, patienceMs: 300 }
  await t.rejects(read(cluster, away, 0, -1, options), { code: 'UNAVAILABLE' })
  const started = performance.now()
  const signal = AbortSignal.timeout(100)
  await t.rejects(read(cluster, away, 0, -1, { ...options, patienceMs: 60_000, signal }), {
    code: 'CANCELLED',
  })
  t.ok(performance.now() - started < 10_000)
})

t.test('a kept connection that died unseen is replaced without a failure', async t => {
  const cluster = await BlockCluster.start(t)
  const bytes = randomBytes(100_000)
  await hold(cluster, 3, bytes)
  t.ok((await read(cluster, cluster.locate(3))).equals(bytes))
  await cluster.restart(0)
  const failed: string[] = []
  const onMemberFailed = (nodeId: string): void => {
    failed.push(nodeId)
  }
  t.ok((await read(cluster, cluster.locate(3), 0, -1, { onMemberFailed })).equals(bytes))
  t.same(failed, [])
})

t.test('an expired capability is renewed when the reader can', async t => {
  const cluster = await BlockCluster.start(t)
  const bytes = randomBytes(1000)
  await hold(cluster, 4, bytes)
  const expired = cluster.locate(4, { expirySeconds: 1000 })
  await t.rejects(read(cluster, expired), { code: 'BAD_CAPABILITY' })
  const refresh = async (): Promise<LocatedBlock> => cluster.locate(4)
  t.ok((await read(cluster, expired, 0, -1, { refresh })).equals(bytes))
  const never = async (): Promise<LocatedBlock> => expired
  await t.rejects(read(cluster, expired, 0, -1, { refresh: never }), { code: 'BAD_CAPABILITY' })
})

t.test('a reader that stops early or is aborted leaves the datanode and the pool usable', async t => {
  const cluster = await BlockCluster.start(t)
  const bytes = randomBytes(16 * MIB)
  const block = await hold(cluster, 5, bytes)
  for (let count = 0; count < 40; count++) {
    for await (const part of readBlock(cluster.pool, block, 0, -1)) {
      if (!part.equals(bytes.subarray(0, part.length))) t.fail('wrong bytes')
      break
    }
  }
  const control = new AbortController()
  const aborted = (async () => {
    for await (const _part of readBlock(cluster.pool, block, 0, -1, { signal: control.signal }))
      control.abort()
  })()
  await t.rejects(aborted, { code: 'CANCELLED' })
  t.ok((await read(cluster, block)).equals(bytes))
})

t.test('many readers at once share a bounded number of connections', async t => {
  const cluster = await BlockCluster.start(t)
  const bytes = randomBytes(300_000)
  const block = await hold(cluster, 6, bytes)
  const reads = Array.from({ length: 200 }, (_read, index) => read(cluster, block, index * 1000, 1000))
  for (const [index, part] of (await Promise.all(reads)).entries()) {
    if (!part.equals(bytes.subarray(index * 1000, index * 1000 + 1000))) t.fail(`read ${index}`)
  }
  const tcp = readFileSync(`/proc/self/net/tcp`, 'utf8').split('\n')
  const port = cluster.member().port.toString(16).toUpperCase().padStart(4, '0')
  const open = tcp.filter(
    line => line.split(' ').some(field => field.endsWith(`:${port}`)) && / 01 /.test(line),
  )
  t.ok(open.length <= 2 * 16, `${open.length} ends of connections`)
})

t.test('a consumer that takes its time costs the reader a few megabytes', async t => {
  const cluster = await BlockCluster.start(t)
  const block = await hold(cluster, 7, randomBytes(64 * MIB))
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  let count = 0
  for await (const part of readBlock(cluster.pool, block, 0, -1, { reuse: true })) {
    if (count++ % 16 === 0) await new Promise(resolve => setTimeout(resolve, 50))
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    if (part.length === 0) t.fail('an empty part')
  }
  t.equal(count, 64)
  t.ok(most < 8 * MIB, `${most} bytes at most`)
})

t.test('kept connections do not keep the process alive', async t => {
  const cluster = await BlockCluster.start(t)
  const block = await hold(cluster, 8, Buffer.alloc(1000))
  const here = fileURLToPath(new URL('.', import.meta.url))
  const script = `
    import { BlockPool } from '${here}block-pool.ts'
    import { readBlockInto } from '${here}block-reader.ts'
    const block = JSON.parse(process.argv[1])
    block.capability = Buffer.from(block.capability, 'hex')
    await readBlockInto(new BlockPool(), block, 0, Buffer.alloc(1000))
    console.log('read')`
  const sent = { ...block, capability: Buffer.from(block.capability).toString('hex') }
  const argv = ['--input-type=module-typescript', '--eval', script, JSON.stringify(sent)]
  const child = spawnSync(process.execPath, argv, { encoding: 'utf8', timeout: 20_000 })
  t.equal(child.stdout, 'read\n')
  t.equal(child.status, 0)
})
