/** What a client does when parts of the cluster fail under it. */
import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { BlockPool } from '@hopbine/client/blocks/block-pool.ts'
import { LeaseRenewer } from '@hopbine/client/fs/lease-renewer.ts'
import { LeasedFile } from '@hopbine/client/fs/leased-file.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'
import { patternAt } from './content.ts'

const MIB = 1024 * 1024

t.test('calls that had no answer when the namenode went away happen once', async t => {
  const cluster = await bootInProcess({ datanodes: 0 })
  t.teardown(() => cluster.stop())
  const fs = await cluster.connect()
  const count = 400
  const calls = Array.from({ length: count }, async (_, i) => {
    await sleep(i / 4)
    await fs.mkdir(`/d${i}`)
  })
  await sleep(20)
  await cluster.restartNamenode()
  await Promise.all(calls)
  const { directories } = await fs.getContentSummary('/')
  t.equal((await Array.fromAsync(fs.listStatus('/'))).length, count)
  t.ok(directories >= count)
})

t.test('a stream outlives a restart of the namenode', async t => {
  const cluster = await bootInProcess({ datanodes: 1 })
  t.teardown(() => cluster.stop())
  const fs = await cluster.connect()
  async function* slow(): AsyncGenerator<Buffer> {
    for (let at = 0; at < 12 * MIB; at += MIB) {
      yield patternAt(at, MIB)
      if (at === 5 * MIB) await cluster.restartNamenode()
    }
  }
  await pipeline(Readable.from(slow()), await fs.create('/over', { blockSize: 2 * MIB }))
  t.ok((await fs.readFile('/over')).equals(patternAt(0, 12 * MIB)))
})

t.test('a datanode that dies under a writer does not stop it', async t => {
  const cluster = await bootInProcess({ datanodes: 4 })
  t.teardown(() => cluster.stop())
  const fs = await cluster.connect()
  let victim = 0
  async function* source(): AsyncGenerator<Buffer> {
    for (let at = 0; at < 64 * MIB; at += MIB) {
      yield patternAt(at, MIB)
      const [first] = at >= 10 * MIB && victim === 0 ? await fs.getFileBlockLocations('/survivor') : []
      if (first === undefined) continue
      victim = first.nodes[0]?.port as number
      await cluster.stopDatanode(cluster.datanodePorts.indexOf(victim))
    }
  }
  const writer = await fs.create('/survivor', { blockSize: 8 * MIB, replication: 2 })
  await pipeline(Readable.from(source()), writer)
  t.not(victim, 0, 'a datanode was stopped while the file was written')
  const stopped = cluster.datanodePorts.indexOf(victim)
  const { extents } = await fs.call(open, { path: '/survivor', offset: 0, length: 64 * MIB })
  const needed = new Set(extents.map(extent => `${extent.blockId}.open`))
  // A block that failed before it took a byte may stay open: no extent names it, and a tombstone removes it.
  const unsealed = (await readdir(cluster.home, { recursive: true })).filter(
    path => needed.has(basename(path)) && !path.startsWith(`datanode-${stopped + 1}/`),
  )
  t.same(unsealed, [], 'what the file needs of the failed block is sealed, thus on disk')
  t.ok((await fs.readFile('/survivor')).equals(patternAt(0, 64 * MIB)), 'and read with that one away')
})

t.test('the only datanode comes back and the writer goes on', async t => {
  const cluster = await bootInProcess({ datanodes: 1 })
  t.teardown(() => cluster.stop())
  const fs = await cluster.connect()
  const file = await fs.openFile('/alone', { create: true })
  await file.write(patternAt(0, 6 * MIB), 0)
  await file.sync()
  await cluster.stopDatanode(0)
  await file.write(patternAt(6 * MIB, 6 * MIB), 6 * MIB)
  const syncing = file.sync()
  await sleep(300)
  await cluster.startDatanode(0)
  await syncing
  await file.close()
  t.ok((await fs.readFile('/alone')).equals(patternAt(0, 12 * MIB)))
})

t.test('a lease that another client took is lost with a name', async t => {
  const cluster = await bootInProcess({
    datanodes: 1,
    namenode: { leaseTimes: { softMs: 200, hardMs: 60_000 } },
  })
  t.teardown(() => cluster.stop())
  const slow = await cluster.connect()
  const eager = await cluster.connect()
  const file = await slow.openFile('/contested', { create: true })
  await file.write(patternAt(0, MIB), 0)
  await file.sync()
  await sleep(500)
  const taken = await eager.openFile('/contested', { write: true })
  await file.write(patternAt(0, MIB), MIB)
  await t.rejects(file.sync(), { code: 'LEASE_LOST' })
  await file.abort()
  await taken.write(Buffer.from('theirs'), 0)
  await taken.close()
  t.equal((await eager.readFile('/contested')).subarray(0, 6).toString(), 'theirs')
})

t.test('a lease that is renewed is not taken', async t => {
  const leaseTimes = { softMs: 1_500, hardMs: 60_000 }
  const cluster = await bootInProcess({ datanodes: 0, namenode: { leaseTimes } })
  t.teardown(() => cluster.stop())
  const other = await cluster.connect()
  await other.writeFile('/kept', 'x')
  const rpc = new RpcClient({ address: { path: `${cluster.home}/run/namenode.sock` } })
  const leases = new LeaseRenewer(rpc, 50)
  const session = { rpc, leases, blocks: new BlockPool(), home: '/', umask: 0 }
  const file = await LeasedFile.append(session, '/kept', {})
  await sleep(2_500)
  await t.rejects(other.append('/kept'), { code: 'LEASE_CONFLICT' })
  await file.abandon()
  t.equal(leases.open, 0)
  t.equal(leases.lastFailure, undefined)
  rpc.close()
})
