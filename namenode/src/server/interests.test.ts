/** Writers and sessions that cache, over real connections and in real time. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import {
  acknowledgeInvalidations,
  declareCaching,
  INVALID,
  type Invalidation,
  invalidations,
} from '@hopbine/common/protocol/cache-interest.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { INTEREST_MS } from './interests.ts'
import { type Ending, ServedNamenode } from './testing/served-namenode.ts'

const MODE = 0o755
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** A client with a cache, as a mount is one. */
class Cache {
  readonly client: RpcClient
  readonly told: Invalidation[] = []
  /** Whether pushes are acknowledged. */
  answers = true

  constructor(client: RpcClient) {
    this.client = client
  }

  static async of(client: RpcClient): Promise<Cache> {
    const cache = new Cache(client)
    client.listen(PUSH.invalidate, payload => {
      const { number, items } = invalidations.decode(payload)
      cache.told.push(...items)
      if (cache.answers) client.call(acknowledgeInvalidations, { numbers: [number] }).catch(endsWithTest)
    })
    await client.prepareEach(async connection => {
      await connection.call(declareCaching, { caching: true })
    })
    return cache
  }

  async stat(path: string): Promise<void> {
    try {
      await this.client.call(rpc.stat, { path, followLast: false })
    } catch {
      return
    }
  }
}

function endsWithTest(error: unknown): void {
  if (!isFsError(error, 'CANCELLED')) throw error
}

async function timed(work: Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work
  return performance.now() - from
}

const inode = (id: number, ...names: string[]): string => ['/.reserved/.inodes', id, ...names].join('/')
const create = { mode: 0o644, ifExists: 0, createParents: false, replication: 0, blockSize: 0 }

async function start(t: Ending, sessions = 1) {
  const served = await ServedNamenode.start(t)
  const writer = served.client()
  const { status } = await writer.call(rpc.mkdir, { path: '/d', mode: MODE })
  const caches: Cache[] = []
  for (let i = 0; i < sessions; i++) caches.push(await Cache.of(served.client()))
  return { served, writer, directory: status.id, cache: caches[0] as Cache, caches }
}

t.test('a change is answered after everybody who was told of it has forgotten it', async t => {
  const { writer, directory, cache } = await start(t)
  await cache.stat(inode(directory, 'x'))
  const { status } = await writer.call(rpc.create, { path: '/d/x', ...create, inline: Buffer.from('1') })
  const bits = INVALID.entry | INVALID.attributes
  t.same(
    cache.told,
    [{ inodeId: status.id, parentId: directory, name: 'x', what: bits }],
    'nothing was there',
  )
  cache.told.length = 0
  await writer.call(rpc.chmod, { path: '/d/x', mode: 0o600 })
  t.same(cache.told, [], 'its attributes were never told')
  await cache.stat(inode(status.id))
  await writer.call(rpc.chmod, { path: '/d/x', mode: 0o640 })
  t.match(cache.told, [{ inodeId: status.id, what: INVALID.attributes }])
  cache.told.length = 0
  await writer.call(rpc.rename, { from: '/d/x', to: '/y', mode: 1 })
  t.match(cache.told, [{ name: 'y' }, { parentId: directory, name: 'x' }])
})

t.test('who does not answer is waited for until its time is over, and not again', async t => {
  const { writer, directory, cache } = await start(t)
  cache.answers = false
  await cache.stat(inode(directory, 'x'))
  const first = timed(writer.call(rpc.mkdir, { path: '/d/x', mode: MODE }))
  t.ok((await timed(writer.call(rpc.mkdir, { path: '/elsewhere', mode: MODE }))) < 900, 'others go on')
  t.ok((await timed(writer.call(rpc.stat, { path: '/d/x', followLast: false }))) < 900, 'it is there already')
  const waited = await first
  t.ok(waited > INTEREST_MS - 150 && waited < INTEREST_MS + 1_000, `${waited} ms`)
  await pause(INTEREST_MS)
  t.ok((await timed(writer.call(rpc.mkdir, { path: '/d/y', mode: MODE }))) < 900)
})

t.test('its own changes, those by sessions without caches, and other directories: nobody waits', async t => {
  const { writer, directory, cache } = await start(t)
  cache.answers = false
  await cache.client.call(rpc.mkdir, { path: inode(directory, 'own'), mode: MODE })
  await cache.client.call(rpc.chmod, { path: '/d/own', mode: 0o700 })
  await writer.call(rpc.stat, { path: '/d', followLast: false })
  t.ok((await timed(cache.client.call(rpc.mkdir, { path: inode(directory, 'b'), mode: MODE }))) < 900)
  t.ok((await timed(writer.call(rpc.mkdir, { path: '/other', mode: MODE }))) < 900)
  t.same(cache.told, [])
})

t.test('a listing tells everything in it; a directory changes with what is in it', async t => {
  const { writer, directory, cache } = await start(t)
  await writer.call(rpc.mkdir, { path: '/d/sub', mode: MODE })
  await writer.call(rpc.create, { path: '/d/f', ...create, inline: Buffer.from('1') })
  const list = { path: inode(directory), after: '', max: 0 }
  await cache.client.call(rpc.list_, list)
  await writer.call(rpc.utimes, { path: '/d/f', mtime: { seconds: 5, nanos: 0 } })
  t.equal(cache.told.length, 1)
  await writer.call(rpc.truncate, { path: '/d/f', size: 0 })
  t.equal(cache.told.length, 2)
  await writer.call(rpc.mkdir, { path: '/d/sub/below', mode: MODE })
  t.match(cache.told[2], { name: 'below' }, 'the times of sub were told')
  await writer.call(rpc.mkdir, { path: '/d/sub/below/deep', mode: MODE })
  t.equal(cache.told.length, 3, 'not what is further down')
})

t.test('attributes of an inode with several names change for all of them', async t => {
  const { writer, cache } = await start(t)
  const other = await writer.call(rpc.mkdir, { path: '/e', mode: MODE })
  await writer.call(rpc.create, { path: '/d/f', ...create, inline: Buffer.from('1') })
  await writer.call(rpc.link, { from: '/d/f', to: '/e/g' })
  await cache.client.call(rpc.list_, { path: inode(other.status.id), after: '', max: 0 })
  await writer.call(rpc.chmod, { path: '/d/f', mode: 0o600 })
  t.equal(cache.told.length, 1)
  await writer.call(rpc.remove, { path: '/d/f', recursive: false, only: 0 })
  t.ok(cache.told.length >= 2, 'the number of names')
})

t.test('what is replaced is told of, too', async t => {
  const { writer, cache } = await start(t)
  const inline = Buffer.from('1')
  const old = await writer.call(rpc.create, { path: '/d/old', ...create, inline })
  await writer.call(rpc.create, { path: '/d/new', ...create, inline })
  await cache.stat(inode(old.status.id))
  await writer.call(rpc.rename, { from: '/d/new', to: '/d/old', mode: 1 })
  t.match(cache.told, [{ inodeId: old.status.id, what: INVALID.attributes }])
  const next = await writer.call(rpc.stat, { path: '/d/old', followLast: false })
  cache.told.length = 0
  await cache.stat(inode(next.status.id))
  await writer.call(rpc.create, { path: '/d/old', ...create, ifExists: 1, inline })
  t.match(cache.told, [{ inodeId: next.status.id, what: INVALID.attributes }])
})

t.test('all that have cached it are told', async t => {
  const { writer, directory, caches } = await start(t, 3)
  for (const cache of caches) await cache.stat(inode(directory, 'x'))
  await writer.call(rpc.mkdir, { path: '/d/x', mode: MODE })
  t.same(
    caches.map(({ told }) => told.length),
    [1, 1, 1],
  )
})

t.test('a session that says that it caches no more is not waited for', async t => {
  const { writer, directory, cache } = await start(t)
  cache.answers = false
  await cache.stat(inode(directory, 'x'))
  const write = timed(writer.call(rpc.mkdir, { path: '/d/x', mode: MODE }))
  await cache.client.call(declareCaching, { caching: false })
  t.ok((await write) < 700)
  await cache.stat(inode(directory, 'y'))
  t.ok((await timed(writer.call(rpc.mkdir, { path: '/d/y', mode: MODE }))) < 900)
})

t.test(
  'after a restart, what sessions were told is unknown: writes wait once, if anybody had a cache',
  async t => {
    const { served, writer, directory, cache } = await start(t)
    await cache.stat(inode(directory, 'x'))
    await served.stop()
    await served.start()
    const waited = await timed(writer.call(rpc.mkdir, { path: '/d/x', mode: MODE }))
    t.ok(waited > INTEREST_MS - 300, `${waited} ms`)
    t.ok((await timed(writer.call(rpc.mkdir, { path: '/d/y', mode: MODE }))) < 900)
    // The session has said again that it caches, before it asked anything.
    await cache.stat(inode(directory, 'z'))
    cache.told.length = 0
    await writer.call(rpc.mkdir, { path: '/d/z', mode: MODE })
    t.equal(cache.told.length, 1)
    await cache.client.call(declareCaching, { caching: false })
    await served.stop()
    await served.start()
    t.ok(
      (await timed(writer.call(rpc.mkdir, { path: '/d/w', mode: MODE }))) < INTEREST_MS / 2,
      'nobody had one',
    )
  },
)
