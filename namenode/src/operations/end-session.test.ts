import { endSession, remove } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('leases and orphans of the session end at once; what was committed stays', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const dead = shard.as('ada')
  const { id } = dead.create('/open')
  dead.create('/gone', { content: 'x', mode: 0o666 })
  const { id: orphan } = dead.stat('/gone')
  dead.write(remove, { path: '/gone', recursive: false, only: 1, keepOpen: [orphan] })
  t.throws(() => operator.append('/open'), { code: 'LEASE_CONFLICT' })
  operator.write(endSession, { clientId: dead.clientId })
  t.equal(operator.append('/open').id, id)
  t.throws(() => operator.stat(`/.reserved/.inodes/${orphan}`), { code: 'STALE' })
  t.throws(() => dead.completeInline(id, 'late'), { code: 'LEASE_LOST' })
  operator.write(endSession, { clientId: '0'.repeat(32) })
  shard.verify()
})

t.test('ordinary users end no session, and nobody the own', async t => {
  const { shard, operator } = openShard()
  const eve = shard.as('eve')
  t.throws(() => eve.write(endSession, { clientId: operator.clientId }), { code: 'NOT_PERMITTED' })
  t.throws(() => operator.write(endSession, { clientId: operator.clientId }), { code: 'INVALID_ARGUMENT' })
  shard.verify()
})
