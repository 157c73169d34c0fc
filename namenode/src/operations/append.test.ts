import { FLAG } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('takes the lease of an existing file and answers its attributes', async t => {
  const { shard, operator } = openShard()
  const { id, generation } = operator.create('/f', { content: 'abc' })
  const status = operator.append('/f')
  t.match(status, { id, size: 3, flags: FLAG.open | FLAG.inline, generation: generation + 1 })
  t.equal(shard.state.sessions.holderOf(id), operator.clientId)
  t.equal(operator.open('/f').inline?.toString(), 'abc', 'readers see what was there')
  operator.complete(id, [], 3)
  t.match(operator.stat('/f'), { flags: FLAG.inline, size: 3 })
  shard.verify()
})

t.test('follows links', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/f', { content: 'abc' })
  operator.symlink('/link', 'f')
  t.equal(operator.append('/link').id, id)
  shard.verify()
})

t.test('a file open elsewhere is refused until its writer is silent; then that one has lost it', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  const { id } = writer.create('/f')
  const used = writer.addBlock(id)
  const unused = writer.addBlock(id)
  writer.commit(id, [{ offset: 0, length: 10, blockId: used, blockOffset: 0 }], 10)
  const refusal = { code: 'LEASE_CONFLICT', errno: 'EBUSY', details: { holder: writer.clientId } }
  t.throws(() => operator.append('/f'), refusal)
  t.throws(() => writer.append('/f'), refusal, 'the own session opens a file once')
  shard.silent = [writer.clientId]
  t.match(operator.append('/f'), { size: 10 })
  t.ok(shard.state.tombstones.get(unused), 'a block that was never committed goes')
  t.notOk(shard.state.tombstones.get(used))
  t.throws(() => writer.complete(id, [], 10), { code: 'LEASE_LOST' })
  t.throws(() => writer.addBlock(id), { code: 'LEASE_LOST' })
  operator.complete(id, [], 10)
  shard.verify()
})

t.test('a file that was never completed is kept by whoever takes it over', async t => {
  const { shard, operator } = openShard()
  const writer = shard.operator()
  const { id } = writer.create('/f')
  shard.silent = [writer.clientId]
  operator.append('/f')
  operator.abandon(id)
  t.match(operator.stat('/f'), { id, size: 0, flags: 0 })
  shard.verify()
})

t.test('needs write permission on the file, and a file', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '', mode: 0o644 })
  operator.mkdir('/d')
  t.throws(() => shard.as('ada').append('/f'), { code: 'ACCESS_DENIED' })
  t.throws(() => operator.append('/d'), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.append('/none'), { code: 'NOT_FOUND' })
  shard.verify()
})
