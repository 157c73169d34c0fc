import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('answers the target as it was written', async t => {
  const { shard, operator } = openShard()
  for (const target of ['/a//b/../c', '.', '\u{1f600}', 'x/']) {
    operator.symlink('/l', target)
    t.equal(operator.readlink('/l'), target)
    operator.remove('/l')
  }
  shard.verify()
})

t.test('refuses what is no link', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  operator.symlink('/l', '/f')
  t.throws(() => operator.readlink('/f'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.readlink('/'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.readlink('/none'), { code: 'NOT_FOUND' })
  shard.verify()
})
