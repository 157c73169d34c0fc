import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('changes what a file’s bytes count for in every total above', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b')
  operator.create('/a/b/f', { content: '12345', replication: 2 })
  t.match(operator.setReplication('/a/b/f', 5), { replication: 5, size: 5 })
  for (const path of ['/', '/a', '/a/b']) t.match(operator.summary(path), { bytes: 5, diskBytes: 25 })
  operator.setReplication('/a/b/f', 1)
  t.match(operator.summary('/a'), { bytes: 5, diskBytes: 5 })
  t.match(shard.events().at(-1), { what: 'setReplication', name: 'f' })
  shard.verify()
})

t.test('works on a file that is open; growth counts anew', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/f')
  const blockId = operator.addBlock(id)
  operator.commit(id, [{ offset: 0, length: 10, blockId, blockOffset: 0 }], 10)
  operator.setReplication('/f', 3)
  operator.complete(id, [], 20)
  t.match(operator.summary('/'), { bytes: 20, diskBytes: 60 })
  shard.verify()
})

t.test('is refused by a space quota before the limit is exceeded by one', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/q/d')
  operator.create('/q/d/f', { content: '12345' })
  operator.setQuota('/q', undefined, 14)
  t.throws(() => operator.setReplication('/q/d/f', 3), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.match(operator.stat('/q/d/f'), { replication: 1 })
  operator.setQuota('/q', undefined, 15)
  operator.setReplication('/q/d/f', 3)
  operator.setQuota('/q', undefined, 1)
  operator.setReplication('/q/d/f', 2)
  shard.verify()
})

t.test('needs write permission and a file, and 1 to 16 copies', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  operator.mkdir('/d')
  t.throws(() => shard.as('ada').setReplication('/f', 2), { code: 'ACCESS_DENIED' })
  t.throws(() => operator.setReplication('/d', 2), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.setReplication('/none', 2), { code: 'NOT_FOUND' })
  for (const copies of [0, 17, 255]) {
    t.throws(() => operator.setReplication('/f', copies), { code: 'INVALID_ARGUMENT' })
  }
  t.match(operator.setReplication('/f', 16), { replication: 16 })
  shard.verify()
})
