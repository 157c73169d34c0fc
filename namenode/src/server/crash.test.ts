// test-timeout-seconds: 120
/** A namenode in a process of its own that is killed at work, again and again, and one whose disk fills. */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { fsck, status } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { Connection } from '@hopbine/common/rpc/connection.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import type { NamenodeConfig } from './namenode.ts'
import { homeOf, kill, startChild } from './testing/killed-namenode.ts'

const MKDIR_MODE = 0o755
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Makes, renames and removes directories of its own one after the other; no call may ever fail. */
async function work(client: RpcClient, lane: number, isOver: () => boolean): Promise<Set<string>> {
  const names = new Set<string>()
  await client.call(rpc.mkdir, { path: `/${lane}`, mode: MKDIR_MODE })
  for (let i = 0; !isOver(); i++) {
    const path = `/${lane}/${i}`
    await client.call(rpc.mkdir, { path, mode: MKDIR_MODE })
    if (i % 3 === 1) {
      await client.call(rpc.rename, { from: path, to: `${path}-moved`, mode: rpc.RENAME.noReplace })
    } else if (i % 3 === 2) {
      await client.call(rpc.remove, { path, recursive: false, only: rpc.REMOVE.directory })
    }
    if (i % 3 < 2) names.add(i % 3 === 0 ? `${i}` : `${i}-moved`)
  }
  return names
}

t.test('kills at any time lose nothing acknowledged and apply nothing twice', async t => {
  const { config } = homeOf(t)
  const numbers = new SeededNumbers(randomRuns(1).seed)
  let child = await startChild(config)
  t.teardown(() => kill(child))
  const clients = Array.from({ length: 12 }, () => new RpcClient({ address: { path: config.socketPath } }))
  let isOver = false
  const lanes = clients.map((client, lane) => work(client, lane, () => isOver))
  for (let kills = 0; kills < 6; kills++) {
    await pause(100 + numbers.next(400))
    await kill(child)
    child = await startChild(config)
  }
  await pause(200)
  isOver = true
  const wanted = await Promise.all(lanes)
  const [client] = clients as [RpcClient]
  for (const [lane, names] of wanted.entries()) {
    const found: string[] = []
    for (let more = true; more; ) {
      const page = await client.call(rpc.list_, { path: `/${lane}`, after: found.at(-1) ?? '', max: 0 })
      found.push(...page.entries.map(entry => entry.name))
      more = page.more
    }
    t.same(found.sort(), [...names].sort(), `lane ${lane}: ${names.size} directories`)
  }
  t.same((await client.call(fsck, { repair: false })).problems, [])
  t.match(await client.call(status, {}), { term: 7 })
  for (const one of clients) one.close()
})

t.test('writes that were acknowledged before a kill are there after it', async t => {
  const { config } = homeOf(t)
  let child = await startChild(config)
  t.teardown(() => kill(child))
  const client = new RpcClient({ address: { path: config.socketPath }, retryMs: 0 })
  const acknowledged: string[] = []
  const file = { mode: 0o644, ifExists: 0, createParents: true, replication: 1, blockSize: 0 }
  const writes = Array.from({ length: 4000 }, async (_, i) => {
    const path = `/d${i % 7}/f${i}`
    await client.call(rpc.create, { path, ...file, inline: Buffer.from(path) })
    acknowledged.push(path)
  })
  const settled = Promise.allSettled(writes)
  while (acknowledged.length < 500) await pause(1)
  await kill(child)
  const outcomes = await settled
  t.ok(
    outcomes.some(outcome => outcome.status === 'rejected'),
    'it was killed in the middle',
  )
  child = await startChild(config)
  const reader = new RpcClient({ address: { path: config.socketPath } })
  let missing = 0
  for (const path of acknowledged) {
    const { inline } = await reader.call(rpc.open, { path, offset: 0, length: 100 })
    if (Buffer.from(inline ?? []).toString() !== path) missing += 1
  }
  t.equal(missing, 0, `of ${acknowledged.length}`)
  t.same((await reader.call(fsck, { repair: false })).problems, [])
  client.close()
  reader.close()
})

const UNSHARE = ['unshare', '--user', '--map-root-user', '--mount']
const canMount = spawnSync('unshare', [...UNSHARE.slice(1), 'true']).status === 0

/** Starts the namenode with its data on a disk of its own of so many MiB, 40 MB of them taken. */
async function startOnSmallDisk(config: NamenodeConfig, mebibytes: number): Promise<ChildProcess> {
  const { dataDir } = config
  mkdirSync(dataDir)
  const script = [
    `mount -t tmpfs -o size=${mebibytes}m tmpfs ${dataDir}`,
    `head -c 40000000 /dev/zero > ${dataDir}/ballast`,
    'exec "$@"',
  ].join(' && ')
  return startChild(config, [...UNSHARE, 'sh', '-c', script, 'sh'])
}

async function fill(client: RpcClient): Promise<string[]> {
  const written: string[] = []
  const file = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
  for (let i = 0; i < 10_000; i++) {
    const path = `/f${i}`
    try {
      await client.call(rpc.create, { path, ...file, inline: Buffer.alloc(65_536, i) })
    } catch (error) {
      t.match(error, { code: 'NO_SPACE', errno: 'ENOSPC', message: /free some space|no room/ })
      return written
    }
    written.push(path)
  }
  throw new Error('the disk does not fill')
}

const skip = canMount ? false : 'no disk can be mounted here'

t.test(
  'on a full disk writes are refused, reads go on, and room brings the writes back',
  { skip },
  async t => {
    const { config } = homeOf(t)
    const child = await startOnSmallDisk({ ...config, reserveBytes: 30_000_000 }, 220)
    t.teardown(() => kill(child))
    const greeting = { version: 1, versionOldest: 1, clientId: 'a'.repeat(32) }
    const events = { onClose: () => undefined, onPush: () => undefined }
    const { connection } = await Connection.open({ path: config.socketPath }, greeting, events)
    const made = await connection.call(rpc.mkdir, { path: '/a', mode: MKDIR_MODE }, { sequence: 1 })
    const client = new RpcClient({ address: { path: config.socketPath } })
    const written = await fill(client)
    t.ok(written.length > 100, `${written.length} files`)
    await t.rejects(client.call(rpc.mkdir, { path: '/b', mode: MKDIR_MODE }), { code: 'NO_SPACE' })
    t.match(await client.call(status, {}), {
      readOnlyReason: /bytes left, writes need/,
      files: written.length,
    })
    const { inline } = await client.call(rpc.open, { path: written.at(-1) as string, offset: 0, length: 1 })
    t.equal(inline?.length, 65_536)
    const again = await connection.call(rpc.mkdir, { path: '/a', mode: MKDIR_MODE }, { sequence: 1 })
    t.same(again, made, 'a retry gets its first answer')
    await client.call(rpc.remove, { path: written[0] as string, recursive: false, only: 0 })
    const ballast = `/proc/${child.pid}/root${config.dataDir}/ballast`
    rmSync(ballast)
    for (let waited = 0; ; waited += 100) {
      const tried = client.call(rpc.mkdir, { path: `/b${waited}`, mode: MKDIR_MODE })
      const worked = await tried.then(
        () => true,
        () => false,
      )
      if (worked) break
      t.ok(waited < 5_000)
      await pause(100)
    }
    t.same((await client.call(fsck, { repair: false })).problems, [])
    client.close()
    connection.close()
  },
)
