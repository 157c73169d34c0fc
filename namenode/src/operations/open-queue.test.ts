import { openQueue } from '@hopbine/common/protocol/directory-leases.ts'
import t from 'tap'
import { TestQueue } from '../testing/test-queue.ts'
import { openShard } from '../testing/test-shard.ts'
import { revokeQueue } from './revoke-queue.ts'

const QUEUES_MAX = 1024
const nameOf = (number: number): string => number.toString(16).padStart(32, '0')

t.test('a queue has a name of its own and is a superuser’s', t => {
  const { shard, operator } = openShard()
  const queue = new TestQueue(operator, nameOf(1))
  t.throws(() => new TestQueue(operator, nameOf(1)), { code: 'ALREADY_EXISTS' })
  t.throws(() => new TestQueue(operator, 'short'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => new TestQueue(shard.as('ada'), nameOf(2)), { code: 'NOT_PERMITTED' })
  queue.close()
  queue.close()
  t.equal(shard.state.leases.queueCount, 0)
  shard.verify()
  t.end()
})

t.test('of too many queues one goes that is over, or silent for a month', t => {
  const { shard, operator } = openShard()
  for (let i = 0; i < QUEUES_MAX; i++) operator.write(openQueue, { queueId: nameOf(i) })
  t.throws(() => operator.write(openQueue, { queueId: nameOf(QUEUES_MAX) }), { code: 'BUSY' })
  shard.own(revokeQueue, { queueId: nameOf(7) })
  operator.write(openQueue, { queueId: nameOf(QUEUES_MAX) })
  t.equal(shard.state.leases.queue(nameOf(7)), undefined)
  t.throws(() => operator.write(openQueue, { queueId: nameOf(QUEUES_MAX + 1) }), { code: 'BUSY' })
  shard.time.advance(31 * 24 * 3_600_000)
  operator.write(openQueue, { queueId: nameOf(QUEUES_MAX + 1) })
  t.equal(shard.state.leases.queue(nameOf(0)), undefined, 'the oldest')
  t.equal(shard.state.leases.queueCount, QUEUES_MAX)
  shard.verify()
  t.end()
})
