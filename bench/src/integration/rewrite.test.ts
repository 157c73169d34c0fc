/** Files that random overwrites cut up are put together behind everybody's back, on real clusters. */
import type { FileSystem } from '@hopbine/client/index.ts'
import { fsck, listBlocks, status } from '@hopbine/common/protocol/cluster.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'
import t, { type Test } from 'tap'
import { bootInProcess, type Cluster } from '../cluster/in-process.ts'
import { patternAt } from './content.ts'

const KIB = 1024
const MIB = 1024 * KIB
const PATCH_BYTES = 4 * KIB
/** Time for everything in the background, in milliseconds. */
const SETTLE_MS = 60_000

t.setTimeout(250_000)

const boot = async (t: Test, options: Parameters<typeof bootInProcess>[0]): Promise<Cluster> => {
  const cluster = await bootInProcess(options)
  t.teardown(() => cluster.stop())
  return cluster
}

/** Writes a file, patches it at places that repeat from run to run, and answers what it must hold. */
async function patched(fs: FileSystem, path: string, bytes: number, patches: number, copies: number) {
  const model = patternAt(0, bytes)
  await fs.writeFile(path, model, { replication: copies })
  await patch(fs, path, model, patches, 1)
  return model
}

async function patch(fs: FileSystem, path: string, model: Buffer, patches: number, seed: number) {
  const file = await fs.openFile(path, { write: true })
  for (let i = 0; i < patches; i++) {
    const at = (Math.imul((i + 1) * seed, 2_654_435_761) >>> 0) % (model.length - PATCH_BYTES)
    const piece = patternAt(seed * 1_000_003 + i * 7919, PATCH_BYTES)
    piece.copy(model, at)
    await file.write(piece, at)
    if (i % 200 === 0) await file.sync()
  }
  await file.close()
}

async function extentsOf(fs: FileSystem, path: string): Promise<number> {
  return (await fs.call(open, { path, offset: 0, length: 2 ** 50 })).extents.length
}

/** Bytes that the metadata needs of all blocks: what datanodes hold once tombstones are dropped. */
async function blockBytes(fs: FileSystem): Promise<number> {
  const { blocks } = await fs.call(listBlocks, { after: 0, max: 0 })
  return blocks.reduce((sum, { length }) => sum + length, 0)
}

async function untilSettled(t: Test, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + SETTLE_MS
  while (!(await condition())) {
    if (performance.now() > deadline) {
      t.fail('it did not settle in time')
      return
    }
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function mustBeSound(t: Test, fs: FileSystem): Promise<void> {
  t.same((await fs.call(fsck, { repair: false })).problems, [])
}

t.test('a patched file becomes whole again, and its dead bytes go', async t => {
  const cluster = await boot(t, { datanodes: 1, namenode: { backupHoldSeconds: 0 } })
  const fs = await cluster.connect()
  const model = await patched(fs, '/f', 8 * MIB, 1500, 1)
  const before = await fs.getFileStatus('/f')
  await untilSettled(t, async () => (await extentsOf(fs, '/f')) === 1)
  t.equal(await blockBytes(fs), 8 * MIB)
  t.ok((await fs.readFile('/f')).equals(model))
  t.same(await fs.getFileStatus('/f'), before, 'nobody sees it in the attributes')
  await untilSettled(t, async () => {
    const { tombstones, rewritesPending, datanodes } = await fs.call(status, {})
    return tombstones === 0 && rewritesPending === 0 && datanodes[0]?.blocks === 1
  })
  await mustBeSound(t, fs)
})

t.test('with several copies on several datanodes there are as many as before', async t => {
  const cluster = await boot(t, { datanodes: 3 })
  const fs = await cluster.connect()
  const models = new Map<string, Buffer>()
  for (const copies of [1, 2]) {
    for (let i = 0; i < 3; i++) {
      const path = `/f${copies}-${i}`
      models.set(path, await patched(fs, path, 3 * MIB, 400, copies))
    }
  }
  for (const [path, model] of models) {
    await untilSettled(t, async () => (await extentsOf(fs, path)) === 1)
    t.ok((await fs.readFile(path)).equals(model), path)
  }
  await cluster.stopDatanode(0)
  for (const [path, model] of models) {
    if (path.startsWith('/f2')) t.ok((await fs.readFile(path)).equals(model), `${path} has a second copy`)
  }
  await mustBeSound(t, fs)
})

t.test('a file of several blocks with holes keeps its holes', async t => {
  const cluster = await boot(t, { datanodes: 2 })
  const fs = await cluster.connect()
  const model = Buffer.alloc(9 * MIB)
  const file = await fs.openFile('/holes', { create: true, blockSize: MIB })
  for (let i = 0; i < 1200; i++) {
    const place = (i * 7919) % 1200
    const at = place * 4 * KIB + (place < 600 ? 0 : 4 * MIB)
    const piece = patternAt(i * 31, 4 * KIB)
    piece.copy(model, at)
    await file.write(piece, at)
    if (i % 10 === 0) await file.sync()
  }
  await file.truncate(model.length)
  await file.close()
  const cells = await extentsOf(fs, '/holes')
  await untilSettled(
    t,
    async () => (await fs.call(status, {})).rewritesPending === 0 && (await extentsOf(fs, '/holes')) < 20,
  )
  t.ok(cells > 400, `${cells} before`)
  t.ok((await fs.readFile('/holes')).equals(model))
  await mustBeSound(t, fs)
})

t.test('a writer in the middle wins, and everything it wrote is there', async t => {
  const cluster = await boot(t, { datanodes: 1, datanode: { rewriteBytesPerSecond: 6 * MIB } })
  const fs = await cluster.connect()
  const model = await patched(fs, '/f', 8 * MIB, 1000, 1)
  for (let round = 2; round < 8; round++) {
    await new Promise(resolve => setTimeout(resolve, 700))
    await patch(fs, '/f', model, 50, round)
    t.ok((await fs.readFile('/f')).equals(model), `round ${round}`)
  }
  await untilSettled(t, async () => (await extentsOf(fs, '/f')) <= 144)
  t.ok((await fs.readFile('/f')).equals(model))
  await mustBeSound(t, fs)
})

t.test('an end in the middle leaves the file as it was, and the next start goes on', async t => {
  const cluster = await boot(t, { datanodes: 1, datanode: { rewriteBytesPerSecond: 2 * MIB } })
  const fs = await cluster.connect()
  const model = await patched(fs, '/f', 8 * MIB, 1000, 1)
  const written = async (): Promise<boolean> => (await fs.call(status, {})).datanodes[0]?.blocks === 3
  await untilSettled(t, written)
  const started = performance.now()
  await cluster.stopDatanode(0)
  t.ok(performance.now() - started < 2000, 'it does not wait for the rewrite')
  t.ok((await extentsOf(fs, '/f')) > 1000)
  await mustBeSound(t, fs)
  await cluster.restartNamenode()
  await cluster.startDatanode(0)
  await untilSettled(t, async () => (await fs.readFile('/f')).equals(model))
  await patch(fs, '/f', model, 1, 3)
  await untilSettled(t, async () => (await extentsOf(fs, '/f')) <= 144)
  t.ok((await fs.readFile('/f')).equals(model))
  await mustBeSound(t, fs)
})

t.test('a reader that began before reads on while the file moves', async t => {
  const cluster = await boot(t, { datanodes: 1, namenode: { backupHoldSeconds: 0 } })
  const fs = await cluster.connect()
  const model = await patched(fs, '/f', 8 * MIB, 1000, 1)
  const reader = await fs.openFile('/f')
  const target = Buffer.alloc(MIB)
  await reader.read(target, 0)
  await untilSettled(t, async () => {
    const { tombstones, datanodes } = await fs.call(status, {})
    return (await extentsOf(fs, '/f')) === 1 && tombstones === 0 && datanodes[0]?.blocks === 1
  })
  for (let at = 0; at < model.length; at += MIB) {
    await reader.read(target, at)
    t.ok(target.equals(model.subarray(at, at + MIB)), `at ${at}`)
  }
  await reader.close()
})
