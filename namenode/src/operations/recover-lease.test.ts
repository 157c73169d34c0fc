import { recoverLease } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

t.test('closes a file whose writer fell silent, at what it had committed', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  const { id } = writer.create('/f')
  const [used, unused] = [writer.addBlock(id), writer.addBlock(id)]
  writer.commit(id, [wholeBlock(used, 10)], 10)
  t.same(operator.write(recoverLease, { path: '/f' }), { closed: false })
  t.match(operator.stat('/f'), { flags: 1 })
  shard.silent = [writer.clientId]
  t.same(operator.write(recoverLease, { path: '/f' }), { closed: true })
  t.match(operator.stat('/f'), { flags: 0, size: 10 })
  t.ok(shard.state.tombstones.get(unused))
  t.throws(() => writer.commit(id, [], 10), { code: 'LEASE_LOST' })
  shard.verify()
})

t.test('a file that nobody writes is closed already', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  t.same(operator.write(recoverLease, { path: '/f' }), { closed: true })
  shard.verify()
})

t.test('needs write permission and no directory', async t => {
  const { shard, operator } = openShard()
  operator.create('/f')
  operator.mkdir('/d')
  t.throws(() => shard.as('ada').write(recoverLease, { path: '/f' }), { code: 'ACCESS_DENIED' })
  t.throws(() => operator.write(recoverLease, { path: '/d' }), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.write(recoverLease, { path: '/none' }), { code: 'NOT_FOUND' })
  shard.verify()
})
