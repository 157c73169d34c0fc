// test-timeout-seconds: 120
/** The namenode is killed at every step of leases: grants, batches, recalls, releases. */
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { inodePath, queued } from '../../testing/test-queue.ts'
import { homeOf, kill, startChild } from '../testing/killed-namenode.ts'
import { LeaseHolder } from '../testing/lease-holder.ts'
import { DIRECTORY_LEASE_TIMES } from './lease-times.ts'

const HOLDERS = 3
const KILLS = 4
const NEW_FILE = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Makes files in its directory while the test goes on, under a lease when it has one. Answers how many. */
async function fill(holder: LeaseHolder, directory: number, isOver: () => boolean): Promise<number> {
  for (let made = 0; ; made++) {
    if (isOver()) return made
    if (!holder.held.has(directory)) await holder.acquire(directory)
    const request = { path: inodePath(directory, `f${made}`), ...NEW_FILE, inline: Buffer.from(`${made}`) }
    if (holder.held.has(directory)) {
      holder.push(queued(rpc.create, request, { inodeId: holder.nextId() }))
      if (made % 7 === 0) await holder.flush()
    } else {
      await holder.flush()
      await holder.client.call(rpc.create, request)
    }
    if (made % 5 === 0) await pause(1)
  }
}

/** Files that somebody else sees: never fewer than before. */
async function countFiles(client: RpcClient, path: string): Promise<number> {
  return (await client.call(rpc.summary, { path })).files
}

t.test('kills at any time lose nothing that others saw, and apply nothing twice', async t => {
  const { config: plain } = homeOf(t)
  const config = {
    ...plain,
    directoryLeaseTimes: { ...DIRECTORY_LEASE_TIMES, backOffMs: 5, backOffMaxMs: 20 },
  }
  const numbers = new SeededNumbers(randomRuns(1).seed)
  let child = await startChild(config)
  t.teardown(() => kill(child))
  const client = () => new RpcClient({ address: { path: config.socketPath } })
  const clients = Array.from({ length: HOLDERS + 1 }, client)
  t.teardown(() => {
    for (const one of clients) one.close()
  })
  const [watcher, ...rest] = clients as [RpcClient, ...RpcClient[]]
  const holders = await Promise.all(rest.map(one => LeaseHolder.open(one)))
  let isOver = false
  let isEnd = false
  const renewals = holders.map(async holder => {
    for (; !isEnd; await pause(100)) await holder.renew()
  })
  const lanes = await Promise.all(
    holders.map(async (holder, lane) => {
      const { status } = await holder.client.call(rpc.mkdir, { path: `/${lane}`, mode: 0o755 })
      return { path: `/${lane}`, made: fill(holder, status.id, () => isOver) }
    }),
  )
  const watch = lanes.map(async ({ path }) => {
    for (let seen = 0; !isOver; ) {
      const now = await countFiles(watcher, path)
      if (now < seen) t.fail(`${path} had ${seen} files and has ${now}`)
      seen = now
      await pause(numbers.next(40))
    }
  })
  for (let kills = 0; kills < KILLS; kills++) {
    await pause(100 + numbers.next(400))
    await kill(child)
    child = await startChild(config)
  }
  await pause(200)
  isOver = true
  await Promise.all(watch)
  for (const { path, made } of lanes) t.equal(await countFiles(watcher, path), await made, path)
  isEnd = true
  await Promise.all(renewals)
  for (const holder of holders) t.ok(holder.recalled.length > 0 && holder.applied > 0)
  t.same((await watcher.call(fsck, { repair: false })).problems, [])
})
