import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('without quotas the room is what live datanodes report', async t => {
  const { shard, operator } = openShard()
  t.match(operator.statfs('/'), { capacityBytes: 0, freeBytes: 0, usedBytes: 0, names: 1 })
  shard.addDatanodes('n1', 'n2')
  operator.create('/f', { content: '12345', replication: 2 })
  t.match(operator.statfs('/'), { capacityBytes: 2000, freeBytes: 800, usedBytes: 10, names: 2 })
  t.ok(operator.statfs('/').namesFree > 2 ** 32)
  shard.time.advance(11_000)
  t.match(operator.statfs('/'), { capacityBytes: 0, freeBytes: 0 })
  shard.verify()
})

t.test('the nearest quota above a path is its room, for bytes and for names apart', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.mkdirs('/top/low')
  operator.create('/top/low/f', { content: '12345' })
  operator.setQuota('/top', 10, 900)
  t.match(operator.statfs('/top/low/f'), {
    capacityBytes: 900,
    usedBytes: 5,
    freeBytes: 400,
    names: 3,
    namesFree: 7,
  })
  operator.setQuota('/top/low', undefined, 20)
  t.match(operator.statfs('/top/low'), { capacityBytes: 20, usedBytes: 5, freeBytes: 15, namesFree: 7 })
  operator.setQuota('/top/low', undefined, 2)
  t.match(operator.statfs('/top/low'), { freeBytes: 0 })
  t.throws(() => operator.statfs('/none'), { code: 'NOT_FOUND' })
  shard.verify()
})
