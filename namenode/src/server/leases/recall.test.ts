/** Directory leases of a served namenode: whoever else looks waits until what was answered is handed in. */
import {
  acquireDirectory,
  applyQueue,
  closeQueue,
  openQueue,
} from '@hopbine/common/protocol/directory-leases.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { inodePath, queued } from '../../testing/test-queue.ts'
import { LeaseHolder } from '../testing/lease-holder.ts'
import { type Ending, ServedNamenode } from '../testing/served-namenode.ts'
import { DIRECTORY_LEASE_TIMES } from './lease-times.ts'

const NEW_FILE = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Recalls are short, so that a second one comes soon. */
const QUICK = { ...DIRECTORY_LEASE_TIMES, backOffMs: 50, backOffMaxMs: 100 }

async function start(t: Ending, times = QUICK) {
  const served = await ServedNamenode.start(t, { directoryLeaseTimes: times })
  const holder = await LeaseHolder.open(served.client())
  const other = served.client()
  const top = await mkdir(other, '/top')
  return { served, holder, other, top }
}

async function mkdir(client: RpcClient, path: string): Promise<number> {
  return (await client.call(rpc.mkdir, { path, mode: 0o755 })).status.id
}

function fileIn(holder: LeaseHolder, directory: number, name: string, content = name) {
  const request = { path: inodePath(directory, name), ...NEW_FILE, inline: Buffer.from(content) }
  return queued(rpc.create, request, { inodeId: holder.nextId() })
}

const stat = async (client: RpcClient, path: string) =>
  (await client.call(rpc.stat, { path, followLast: true })).status
const names = async (client: RpcClient, path: string) =>
  (await client.call(rpc.list_, { path, after: '', max: 0 })).entries.map(entry => entry.name)

t.test('whatever another session asks, it sees everything that was answered before', async t => {
  const { holder, other, top } = await start(t)
  const asks: Record<string, (name: string) => Promise<unknown>> = {
    stat: async name => t.match(await stat(other, `/top/${name}`), { size: name.length }),
    'stat of the directory': async () => t.ok((await stat(other, '/top')).children > 0),
    'stat by inode': async name => {
      const listed = await other.call(rpc.list_, { path: '/top', after: '', max: 0 })
      const { id = 0 } = listed.entries.find(entry => entry.name === name) ?? {}
      t.match(await stat(other, inodePath(id)), { name })
    },
    list: async name => t.ok((await names(other, '/top')).includes(name)),
    'list of the parent': async () => {
      const { entries } = await other.call(rpc.list_, { path: '/', after: '', max: 0 })
      t.ok((entries.find(entry => entry.name === 'top')?.children ?? 0) > 0)
    },
    open: async name => {
      const { inline } = await other.call(rpc.open, { path: `/top/${name}`, offset: 0, length: 100 })
      t.equal(inline?.toString(), name)
    },
    create: name =>
      t.rejects(other.call(rpc.create, { path: `/top/${name}`, ...NEW_FILE }), { code: 'ALREADY_EXISTS' }),
    remove: name => other.call(rpc.remove, { path: `/top/${name}`, recursive: false, only: 0 }),
    rename: name => other.call(rpc.rename, { from: `/top/${name}`, to: `/moved-${name}`, mode: 0 }),
    'rename of the directory': async name => {
      await other.call(rpc.rename, { from: '/top', to: '/elsewhere', mode: 0 })
      t.ok((await names(other, '/elsewhere')).includes(name))
      await other.call(rpc.rename, { from: '/elsewhere', to: '/top', mode: 0 })
    },
    contentSummary: async () => t.ok((await other.call(rpc.summary, { path: '/' })).files > 0),
    chmod: name => other.call(rpc.chmod, { path: `/top/${name}`, mode: 0o600 }),
  }
  let count = 0
  for (const [what, ask] of Object.entries(asks)) {
    for (let tries = 0; !(await holder.acquire(top)).granted; tries++) {
      if (tries > 100) t.fail(`the lease never came back before ${what}`)
      await pause(10)
    }
    const name = `file${++count}`
    holder.push(fileIn(holder, top, name))
    await ask(name)
    t.same(holder.recalled.splice(0), [top], what)
    t.equal(holder.pending, 0, what)
  }
})

t.test('what does not concern the directory waits for nobody', async t => {
  const { holder, other, top } = await start(t)
  holder.isSilent = true
  await mkdir(other, '/side')
  t.ok((await holder.acquire(top)).granted)
  holder.push(fileIn(holder, top, 'f'))
  await other.call(rpc.create, { path: '/side/f', ...NEW_FILE, inline: Buffer.from('x') })
  t.same(await names(other, '/side'), ['f'])
  t.match(await stat(other, '/'), { children: 2 })
  t.ok(await other.call(rpc.summary, { path: '/side' }))
  await other.call(rpc.symlink, { path: '/link', target: 'top/f' })
  t.ok((await other.call(rpc.stat, { path: '/link', followLast: false })).status)
  t.same(holder.recalled, [])
})

t.test('a session never waits for its own queue', async t => {
  const { holder, top } = await start(t)
  holder.isSilent = true
  t.ok((await holder.acquire(top)).granted)
  holder.push(fileIn(holder, top, 'f'))
  t.same(await names(holder.client, '/top'), [])
  await holder.flush()
  t.same(await names(holder.client, '/top'), ['f'])
  t.same(holder.recalled, [])
})

t.test('what comes below another quota is leased no more, also when its own session moves it', async t => {
  const { holder, other, top } = await start(t)
  await mkdir(other, '/limited')
  await other.call(rpc.setQuota, { path: '/limited', names: 3 })
  const moved = await mkdir(other, '/top/moved')
  t.ok((await holder.acquire(moved)).granted)
  holder.push(fileIn(holder, moved, 'f'))
  const from = { from: '/top/moved', mode: 0 }
  await holder.client.call(rpc.rename, { ...from, to: '/top/still' })
  t.same(holder.recalled, [])
  await holder.client.call(rpc.rename, { ...from, from: '/top/still', to: '/limited/moved' })
  t.same(holder.recalled, [moved])
  t.match(await holder.acquire(moved), { granted: false })
  t.same(await names(other, '/limited/moved'), ['f'])
  await pause(QUICK.backOffMs)
  t.ok((await holder.acquire(top)).granted)
  await holder.client.call(rpc.setQuota, { path: '/', names: 100 })
  t.same(holder.recalled.slice(1), [top])
})

t.test('leases that come in sight later are recalled in turn', async t => {
  const { served, holder, other, top } = await start(t)
  const second = await LeaseHolder.open(served.client())
  const deep = await mkdir(other, '/top/deep')
  const far = await mkdir(other, '/far')
  t.ok((await holder.acquire(deep)).granted)
  t.ok((await second.acquire(far)).granted)
  const below = holder.nextId()
  holder.push(queued(rpc.mkdir, { path: inodePath(deep, 'below'), mode: 0o755 }, { inodeId: below }))
  holder.held.set(below, new Map())
  holder.push(fileIn(holder, below, 'f', 'content'))
  second.push(
    queued(
      rpc.symlink,
      { path: inodePath(far, 'link'), target: '../top/deep/below' },
      { inodeId: second.nextId() },
    ),
  )
  const { inline } = await other.call(rpc.open, { path: '/far/link/f', offset: 0, length: 100 })
  t.equal(inline?.toString(), 'content')
  t.same(second.recalled, [far])
  t.same(holder.recalled, [deep, below])
  t.ok(top > 0)
})

t.test('a tree is asked for as a whole, and only once', async t => {
  const { holder, other, top } = await start(t)
  const all: number[] = []
  for (const name of ['a', 'b', 'c']) {
    const id = await mkdir(other, `/top/${name}`)
    all.push(id)
    t.ok((await holder.acquire(id)).granted)
    holder.push(fileIn(holder, id, 'f', 'xyz'))
  }
  t.match(await other.call(rpc.summary, { path: '/top' }), { files: 3, bytes: 9 })
  t.same(holder.recalled.sort(), all.sort())
  t.equal(holder.held.size, 0)
  await pause(QUICK.backOffMs)
  for (const id of all) t.ok((await holder.acquire(id)).granted)
  holder.push(fileIn(holder, all[0] as number, 'g'))
  const removed = await other.call(rpc.remove, { path: '/top', recursive: true, only: 0 })
  t.match(removed, { files: 4, directories: 4 })
  t.ok(top > 0)
})

t.test('a directory that was recalled is not leased again at once, and longer each time', async t => {
  const { holder, other, top } = await start(t, { ...QUICK, backOffMs: 200, backOffMaxMs: 60_000 })
  t.ok((await holder.acquire(top)).granted)
  t.match(await stat(other, '/top'), { children: 0 })
  const first = await holder.acquire(top)
  t.match(first, { granted: false, reason: /recalled/ })
  t.ok(first.retryMs > 100 && first.retryMs <= 200)
  await pause(first.retryMs)
  t.ok((await holder.acquire(top)).granted)
  await stat(other, '/top')
  const second = await holder.acquire(top)
  t.ok(!second.granted && second.retryMs > 300 && second.retryMs <= 400)
})

t.test('a holder that is not heard loses its leases when its time is over, and its late batch', async t => {
  const { holder, other, top } = await start(t, { ...QUICK, termMs: 400, driftMs: 100 })
  t.ok((await holder.acquire(top)).granted)
  holder.isSilent = true
  await pause(200)
  await holder.renew()
  const late = fileIn(holder, top, 'late')
  const startedMs = performance.now()
  t.same(await names(other, '/top'), [])
  const waitedMs = performance.now() - startedMs
  t.ok(waitedMs > 400 && waitedMs < 3_000, `waited ${waitedMs} ms`)
  holder.push(late)
  await t.rejects(holder.flush(), { code: 'LEASE_LOST' })
  await t.rejects(holder.renew(), { code: 'LEASE_LOST' })
  t.same(await names(other, '/top'), [])
  const fresh = await LeaseHolder.open(holder.client)
  await pause(QUICK.backOffMs)
  t.ok((await fresh.acquire(top)).granted)
})

t.test('one that is heard and gives nothing back loses its leases too', async t => {
  const { holder, other, top } = await start(t, { ...QUICK, recallMs: 300 })
  t.ok((await holder.acquire(top)).granted)
  holder.isSilent = true
  const renewals = setInterval(() => holder.renew().catch(() => clearInterval(renewals)), 50)
  t.teardown(() => clearInterval(renewals))
  const startedMs = performance.now()
  t.same(await names(other, '/top'), [])
  const waitedMs = performance.now() - startedMs
  t.ok(waitedMs >= 290 && waitedMs < 3_000, `waited ${waitedMs} ms`)
})

t.test('nobody asks, nothing is taken: also long after its term a holder hands in', async t => {
  const { holder, other, top } = await start(t, { ...QUICK, termMs: 100, driftMs: 50 })
  t.ok((await holder.acquire(top)).granted)
  holder.push(fileIn(holder, top, 'f'))
  await pause(600)
  await holder.flush()
  await holder.renew()
  t.same(await names(other, '/top'), ['f'])
})

t.test('leases survive a restart of the namenode, and so does who waits for them', async t => {
  const { served, holder, other, top } = await start(t)
  t.ok((await holder.acquire(top)).granted)
  holder.push(fileIn(holder, top, 'before'))
  await holder.flush()
  const again = fileIn(holder, top, 'again')
  await served.stop()
  await served.start({ directoryLeaseTimes: QUICK })
  holder.push(again)
  const found = names(other, '/top')
  await pause(100)
  await holder.renew()
  t.same(await found, ['again', 'before'])
  t.equal(await holder.sendAgain([again], 2), holder.applied, 'what was applied is not applied again')
  const { id } = await stat(other, '/top/again')
  t.ok((await mkdir(other, '/fresh')) > id, 'ids of the queue are nobody else’s')
})

t.test('a restart gives a silent holder its whole time', async t => {
  const times = { ...QUICK, termMs: 500, driftMs: 0 }
  const { served, holder, other, top } = await start(t, times)
  t.ok((await holder.acquire(top)).granted)
  holder.client.close()
  await served.stop()
  await served.start({ directoryLeaseTimes: times })
  const startedMs = performance.now()
  t.same(await names(other, '/top'), [])
  const waitedMs = performance.now() - startedMs
  t.ok(waitedMs > 400 && waitedMs < 3_000, `waited ${waitedMs} ms`)
})

t.test('a request whose connection ends while it waits is forgotten', async t => {
  const { served, holder, other, top } = await start(t)
  t.ok((await holder.acquire(top)).granted)
  holder.isSilent = true
  const leaver = served.client()
  const lost = t.rejects(leaver.call(rpc.mkdir, { path: '/top/never', mode: 0o755 }), { code: 'CANCELLED' })
  await pause(50)
  leaver.close()
  await lost
  await holder.release(top)
  t.same(await names(other, '/top'), [])
})

t.test('another daemon takes over the queue and what waits for it', async t => {
  const { served, holder, other, top } = await start(t)
  t.ok((await holder.acquire(top)).granted)
  const operation = fileIn(holder, top, 'f')
  holder.client.close()
  const found = names(other, '/top')
  await pause(50)
  const heir = served.client()
  const { queueId } = holder
  const request = { queueId, first: 1, principals: [{ user: 'heir', groups: [], superuser: true }] }
  await heir.call(applyQueue, { ...request, operations: [operation], ids: 0, names: 0, diskBytes: 0 })
  await heir.call(closeQueue, { queueId })
  t.same(await found, ['f'])
})

t.test('a lease that is being granted counts already', async t => {
  const { holder, other, top } = await start(t)
  const grant = holder.acquire(top)
  const create = { path: '/top/f', ...NEW_FILE, inline: Buffer.from('x') }
  const [granted] = await Promise.all([grant, other.call(rpc.create, create)])
  // Whichever came first: either it is in the listing or the lease was recalled for it.
  const isListed = granted.granted && granted.entries.some(entry => entry.name === 'f')
  t.ok(isListed || !granted.granted || holder.recalled.includes(top))
  t.same(await names(other, '/top'), ['f'])
})

t.test('two holders that want the same directory take turns', async t => {
  const { served, holder, top } = await start(t)
  const second = await LeaseHolder.open(served.client())
  t.ok((await holder.acquire(top)).granted)
  holder.push(fileIn(holder, top, 'a'))
  t.match(await second.acquire(top), { granted: false, reason: /another queue/ })
  t.same(await names(second.client, '/top'), ['a'])
  await pause(QUICK.backOffMs)
  t.match(await second.acquire(top), { granted: true, entries: [{ name: 'a' }] })
  second.push(fileIn(second, top, 'b'))
  t.same(await names(holder.client, '/top'), ['a', 'b'])
})

t.test('a queue for which nobody speaks gets no lease', async t => {
  const { served, top } = await start(t)
  const client = served.client()
  const queueId = 'c'.repeat(32)
  await client.call(openQueue, { queueId })
  const answer = await client.call(acquireDirectory, { queueId, inodeId: top, ids: 0 })
  t.match(answer, { granted: false, reason: /speaks/ })
})
