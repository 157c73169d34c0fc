/** Leases and the change feed of a served namenode, in real time with short times. */
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { FLAG } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { ServedNamenode } from './testing/served-namenode.ts'

const OPEN = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

t.test('a writer that speaks keeps its file, one that is silent loses it to the next', async t => {
  const served = await ServedNamenode.start(t, { leaseTimes: { softMs: 400, hardMs: 60_000 } })
  const [writer, other] = [served.client(), served.client()]
  const { status } = await writer.call(rpc.create, { path: '/f', ...OPEN })
  for (let i = 0; i < 5; i++) {
    await pause(150)
    await writer.call(rpc.renewLease, {})
    await t.rejects(other.call(rpc.append, { path: '/f' }), { code: 'LEASE_CONFLICT' })
    t.same(await other.call(rpc.recoverLease, { path: '/f' }), { closed: false })
  }
  await pause(700)
  t.match((await other.call(rpc.append, { path: '/f' })).status, { id: status.id, flags: FLAG.open })
  const complete = { inodeId: status.id, extents: [], size: 0 }
  await t.rejects(writer.call(rpc.complete, complete), { code: 'LEASE_LOST' })
  t.ok(await other.call(rpc.complete, complete))
})

t.test('the namenode itself closes what a vanished writer left open', async t => {
  const served = await ServedNamenode.start(t, { leaseTimes: { softMs: 100, hardMs: 300 } })
  const [writer, reader] = [served.client(), served.client()]
  await writer.call(rpc.create, { path: '/f', ...OPEN })
  writer.close()
  const from = reader.index
  for (let waited = 0; waited < 6_000; waited += 100) {
    const { status } = await reader.call(rpc.stat, { path: '/f', followLast: true })
    if (status.flags === 0) break
    await pause(100)
  }
  t.match((await reader.call(rpc.stat, { path: '/f', followLast: true })).status, { flags: 0, size: 0 })
  const { events } = await reader.call(rpc.changes, { from, max: 0, waitMs: 0 })
  t.match(events.at(-1), { what: 'lease-expired', name: 'f', user: 'hopbine' })
})

t.test('a restart gives every lease its time anew', async t => {
  const leaseTimes = { softMs: 600, hardMs: 60_000 }
  const served = await ServedNamenode.start(t, { leaseTimes })
  const writer = served.client()
  const { status } = await writer.call(rpc.create, { path: '/f', ...OPEN })
  await pause(700)
  await served.stop()
  await served.start({ leaseTimes })
  await t.rejects(served.client().call(rpc.append, { path: '/f' }), { code: 'LEASE_CONFLICT' })
  t.ok(await writer.call(rpc.complete, { inodeId: status.id, extents: [], size: 0 }))
})

t.test('changes are told at once when there are some, and waited for when there are none', async t => {
  const served = await ServedNamenode.start(t)
  const [client, watcher] = [served.client(), served.client()]
  await client.call(rpc.mkdir, { path: '/a', mode: 0o755 })
  const first = await watcher.call(rpc.changes, { from: 0, max: 0, waitMs: 60_000 })
  t.match(first.events, [{ what: 'mkdir', name: 'a' }])
  t.equal(first.oldest, first.events[0]?.index)
  const started = performance.now()
  const none = await watcher.call(rpc.changes, { from: first.next, max: 0, waitMs: 200 })
  t.same(none.events, [])
  t.ok(none.next >= first.next)
  t.ok(performance.now() - started >= 190)
  const waiting = watcher.call(rpc.changes, { from: none.next, max: 0, waitMs: 60_000 })
  await pause(50)
  // A write that is refused wakes nobody; the next one does.
  await t.rejects(client.call(rpc.mkdir, { path: '/a', mode: 0o755 }), { code: 'ALREADY_EXISTS' })
  await client.call(rpc.mkdir, { path: '/b', mode: 0o755 })
  t.match((await waiting).events, [{ name: 'b' }])
  await t.rejects(watcher.call(rpc.changes, { from: -1, max: 0, waitMs: 0 }), { code: 'INVALID_ARGUMENT' })
})

t.test('a consumer that pages through sees every change once and in order', async t => {
  const served = await ServedNamenode.start(t)
  const client = served.client()
  const names = Array.from({ length: 300 }, (_, i) => `n${i}`)
  await Promise.all(names.map(name => client.call(rpc.mkdir, { path: `/${name}`, mode: 0o755 })))
  const told: string[] = []
  let last = 0
  for (let from = 0; told.length < names.length; ) {
    const { events, next } = await client.call(rpc.changes, { from, max: 7, waitMs: 1_000 })
    t.ok(events.length > 0 && events.length <= 7)
    for (const { index, name } of events) {
      t.ok(index > last)
      last = index
      told.push(name)
    }
    from = next
  }
  t.same(told.sort(), names.sort())
})

t.test('an answer with many long names fits into a message', async t => {
  const served = await ServedNamenode.start(t)
  const client = served.client()
  const [a, b] = [`/a${'ä'.repeat(127)}`, `/b${'ä'.repeat(127)}`]
  await client.call(rpc.mkdir, { path: a, mode: 0o755 })
  const moves = Array.from({ length: 9_000 }, (_, i) => (i % 2 === 0 ? [a, b] : [b, a]) as [string, string])
  for (let i = 0; i < moves.length; i += 1000) {
    const batch = moves.slice(i, i + 1000)
    await Promise.all(batch.map(([from, to]) => client.call(rpc.rename, { from, to, mode: 0 })))
  }
  let count = 0
  for (let from = 0; count < moves.length + 1; ) {
    const { events, next } = await client.call(rpc.changes, { from, max: 0, waitMs: 0 })
    t.ok(events.length > 0)
    count += events.length
    from = next
  }
  t.equal(count, moves.length + 1)
})
