// test-timeout-seconds: 400
/**
 * Three namenodes as one shard, over real sockets and files: who answers, and what a change of leader keeps.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fsck, status } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { groupStatus, transferLeadership } from '@hopbine/common/protocol/raft.ts'
import t from 'tap'
import { ServedGroup } from './testing/served-group.ts'

const mkdirOf = (path: string) => ({ path, mode: 0o755 })
const SMALL_LOG = { keptLogBytes: 2 * 1024 * 1024, logSegmentBytes: 1024 * 1024 }
const NEW_FILE = {
  mode: 0o644,
  ifExists: rpc.IF_EXISTS.fail,
  createParents: false,
  replication: 0,
  blockSize: 0,
}
const statOf = (path: string) => ({ path, followLast: true })

t.test('a group elects a leader, and only that one answers', async t => {
  const group = await ServedGroup.start(t)
  const leader = await group.leader()
  const client = group.client()
  await client.call(rpc.mkdir, mkdirOf('/a'))
  t.equal((await client.call(rpc.stat, statOf('/a'))).status.name, 'a')
  for (const { id } of group.members) {
    if (id === leader) continue
    const follower = group.clientOf(id)
    await t.rejects(follower.call(rpc.stat, statOf('/a')), { code: 'NOT_LEADER', details: { leader } })
    await t.rejects(follower.call(rpc.mkdir, mkdirOf('/b')), { code: 'NOT_LEADER' })
    await t.rejects(follower.call(status, {}), { code: 'NOT_LEADER' })
    const seen = await follower.call(groupStatus, {})
    t.match(seen, { self: id, role: 'follower', leader, serves: false })
    t.same(
      seen.members.map(member => member.id),
      [1, 2, 3],
    )
  }
})

t.test('leadership goes where it is sent, and every session follows', async t => {
  const group = await ServedGroup.start(t)
  const client = group.client()
  await client.call(rpc.mkdir, mkdirOf('/t'))
  for (const to of [1, 2, 3, 1]) {
    await group.client().call(transferLeadership, { to })
    t.equal(await group.leader(), to)
    await client.call(rpc.mkdir, mkdirOf(`/t/${to}-${Math.random()}`))
  }
  t.equal((await client.call(rpc.list_, { path: '/t', after: '', max: 10 })).entries.length, 4)
  await t.rejects(group.client().call(transferLeadership, { to: 9 }), { code: 'INVALID_ARGUMENT' })
  t.same((await client.call(fsck, { repair: false })).problems, [])
})

t.test('members stop and start in turn under load, and every write is there once', async t => {
  const group = await ServedGroup.start(t)
  const clients = Array.from({ length: 8 }, () => group.client())
  await clients[0]?.call(rpc.mkdir, mkdirOf('/load'))
  let going = true
  let made = 0
  const load = clients.map(async (client, at) => {
    for (let i = 0; going; i++) {
      // A second application of the same write would fail with ALREADY_EXISTS.
      await client.call(rpc.mkdir, mkdirOf(`/load/${at}-${i}`))
      made += 1
      await client.call(rpc.stat, statOf(`/load/${at}-${i}`))
    }
  })
  for (const id of [1, 2, 3]) {
    await group.stopMember(id)
    await new Promise(resolve => setTimeout(resolve, 300))
    await group.startMember(id)
    await group.leader()
    await new Promise(resolve => setTimeout(resolve, 700))
  }
  going = false
  await Promise.all(load)
  const client = group.client()
  const found = await client.call(rpc.summary, { path: '/load' })
  t.equal(found.directories, made + 1, 'exact totals')
  t.ok(made > 50, `${made} directories`)
  t.same((await client.call(fsck, { repair: false })).problems, [])
  const applied = await untilEqual(group)
  t.equal(new Set(applied).size, 1, `all members applied the same: ${applied}`)
})

async function untilEqual(group: ServedGroup): Promise<number[]> {
  for (let tries = 0; ; tries++) {
    const seen = await Promise.all(
      group.members.map(async ({ id }) => (await group.clientOf(id, 5_000).call(groupStatus, {})).applied),
    )
    if (new Set(seen).size === 1 || tries === 100) return seen
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

t.test('a member that lost its state does not begin anew', async t => {
  const group = await ServedGroup.start(t)
  await group.client().call(rpc.mkdir, mkdirOf('/a'))
  const lost = (await group.leader()) === 3 ? 2 : 3
  await group.stopMember(lost)
  rmSync(join(group.dataDir(lost), 'shard-0'), { recursive: true })
  await t.rejects(group.startMember(lost), { code: 'CORRUPT', message: /must not begin anew/ })
  rmSync(group.dataDir(lost), { recursive: true })
  await t.rejects(group.startMember(lost), { code: 'INVALID_ARGUMENT', message: /its state is gone/ })
  await group.client().call(rpc.mkdir, mkdirOf('/b'))
})

t.test('without a majority nothing is answered, and with it everything is again', async t => {
  const group = await ServedGroup.start(t)
  const leader = await group.leader()
  await group.client().call(rpc.mkdir, mkdirOf('/a'))
  const others = group.members.map(({ id }) => id).filter(id => id !== leader)
  for (const id of others) await group.stopMember(id)
  const alone = group.clientOf(leader, 1_500)
  await t.rejects(alone.call(rpc.stat, statOf('/a')), { code: 'NOT_LEADER' })
  await t.rejects(alone.call(rpc.mkdir, mkdirOf('/b')), { code: 'NOT_LEADER' })
  for (const id of others) await group.startMember(id)
  const client = group.client()
  t.equal((await client.call(rpc.stat, statOf('/a'))).status.name, 'a')
})

t.test('a member that the log has left behind fetches the state, and votes once', async t => {
  const group = await ServedGroup.start(t, 3, SMALL_LOG)
  const client = group.client()
  await client.call(rpc.mkdir, mkdirOf('/a'))
  await group.stopMember(3)
  const inline = Buffer.alloc(32 * 1024, 'x')
  for (let i = 0; i < 200; i++) {
    await client.call(rpc.create, { ...NEW_FILE, path: `/a/f${i}`, inline })
  }
  // A stop makes the store durable, and then cuts the log.
  for (const id of [1, 2]) {
    await group.stopMember(id)
    await group.startMember(id, SMALL_LOG)
    await group.leader()
  }
  const leader = await group.leader()
  const { firstIndex } = await group.clientOf(leader).call(groupStatus, {})
  t.ok(firstIndex > 100, `the log begins at ${firstIndex}`)
  let onFatal: (error: Error) => void = () => undefined
  const fetched = new Promise<Error>(resolve => {
    onFatal = resolve
  })
  await group.startMember(3, { ...SMALL_LOG, onFatal })
  t.match((await fetched).message, /snapshot/)
  await group.stopMember(3)
  await group.startMember(3, SMALL_LOG)
  await client.call(rpc.mkdir, mkdirOf('/b'))
  t.equal(new Set(await untilEqual(group)).size, 1, 'it goes on with the log')
  await client.call(transferLeadership, { to: 3 })
  t.equal((await client.call(rpc.summary, { path: '/a' })).files, 200, 'and leads')
  t.same((await client.call(fsck, { repair: false })).problems, [])
})
