import t from 'tap'
import { openShard } from '../testing/test-shard.ts'
import { noteSoftState } from './note-soft-state.ts'

t.test('notes of a leader are the same on every replica, and outlive it', async t => {
  const { shard } = openShard()
  t.same(shard.own(noteSoftState, { added: ['caches', 'locks a'], removed: [] }), {})
  t.same(shard.own(noteSoftState, { added: ['locks b', 'caches'], removed: ['locks a', 'nothing'] }), {})
  t.same([...shard.state.notes.all].sort(), ['caches', 'locks b'])
  t.same(shard.events(), [], 'they are nobody else’s business')
  shard.verify()
})
