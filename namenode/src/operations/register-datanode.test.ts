import { registerDatanode } from '@hopbine/common/protocol/cluster.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

const node = { nodeId: 'n1', host: '10.0.0.1', port: 9000, rack: '/a' }

t.test('adds a node, or its new address, and answers what it needs to check capabilities', async t => {
  const { shard, operator } = openShard()
  const { meta, datanodes } = shard.state
  const answer = operator.write(registerDatanode, node)
  t.equal(answer.clusterId, meta.clusterId)
  t.same(Buffer.from(answer.capabilityKey), meta.capabilityKey)
  operator.write(registerDatanode, { ...node, nodeId: 'a0' })
  operator.write(registerDatanode, { ...node, port: 9001 })
  t.match(datanodes.all, [{ nodeId: 'a0' }, { nodeId: 'n1', port: 9001, host: '10.0.0.1' }])
  shard.verify()
})

t.test('is for superusers, and needs an id, a host and a port', async t => {
  const { shard, operator } = openShard()
  t.throws(() => shard.as('ada').write(registerDatanode, node), { code: 'NOT_PERMITTED' })
  for (const wrong of [
    { nodeId: '' },
    { nodeId: 'a b' },
    { nodeId: 'x'.repeat(65) },
    { nodeId: 'a\n' },
    { host: '' },
    { port: 0 },
  ]) {
    const refusal = { code: 'INVALID_ARGUMENT' }
    t.throws(() => operator.write(registerDatanode, { ...node, ...wrong }), refusal, JSON.stringify(wrong))
  }
  t.same(shard.state.datanodes.all, [])
  shard.verify()
})
