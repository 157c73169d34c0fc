import t from 'tap'
import { wholeBlock } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

t.test('a file that was never completed vanishes with its blocks', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const blockId = operator.addBlock(id)
  operator.commit(id, [wholeBlock(blockId, 10)], 10)
  operator.abandon(id)
  t.throws(() => operator.stat('/f'), { code: 'NOT_FOUND' })
  t.match(operator.summary('/'), { files: 0, bytes: 0, diskBytes: 0 })
  t.match(shard.events().at(-1), { what: 'abandon', inodeId: id, name: 'f' })
  t.throws(() => operator.abandon(id), { code: 'LEASE_LOST' })
  shard.verify()
})

t.test('a file whose name was answered stays, empty or with what was committed', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.abandon(operator.create('/empty', { stays: true }).id)
  const { id } = operator.create('/f', { stays: true })
  operator.commit(id, [wholeBlock(operator.addBlock(id), 10)], 10)
  operator.abandon(id)
  t.match(operator.stat('/empty'), { size: 0, flags: 0 })
  t.match(operator.stat('/f'), { size: 10, flags: 0 })
  t.equal(shard.state.sessions.openFiles, 0)
  shard.verify()
})

t.test('one that existed before keeps what was committed', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.createWithBlock('/f', 10)
  const { id } = operator.append('/f')
  const [used, unused] = [operator.addBlock(id), operator.addBlock(id)]
  operator.commit(id, [{ offset: 10, length: 5, blockId: used, blockOffset: 0 }], 15)
  operator.abandon(id)
  t.match(operator.stat('/f'), { size: 15, flags: 0 })
  t.ok(shard.state.tombstones.get(unused))
  t.equal(shard.state.sessions.openFiles, 0)
  shard.verify()
})

t.test('only its writer may', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/f')
  t.throws(() => shard.operator().abandon(id), { code: 'LEASE_LOST' })
  t.throws(() => operator.abandon(1), { code: 'LEASE_LOST' })
  t.match(operator.stat('/f'), { id })
  shard.verify()
})
