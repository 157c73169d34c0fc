import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('a directory counts everything below it and itself', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b')
  operator.create('/a/f', { content: '123', replication: 2 })
  operator.create('/a/b/g', { content: '1234', replication: 3 })
  operator.symlink('/a/l', 'xx')
  t.match(operator.summary('/a'), { files: 3, directories: 2, bytes: 9, diskBytes: 18, owner: 'operator' })
  t.match(operator.summary('/a/b'), { files: 1, directories: 1, bytes: 4, diskBytes: 12 })
  shard.verify()
})

t.test('a file is itself, through links too', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '123', replication: 2 })
  operator.symlink('/l', 'f')
  t.match(operator.summary('/l'), { files: 1, directories: 0, bytes: 3, diskBytes: 6, nameQuota: undefined })
  shard.verify()
})

t.test('needs read and search permission on the directory', async t => {
  const { shard, operator } = openShard()
  const ada = shard.as('ada')
  for (const mode of [0o750, 0o751, 0o754]) {
    operator.mkdir(`/d${mode}`, mode)
    t.throws(() => ada.summary(`/d${mode}`), { code: 'ACCESS_DENIED' }, mode.toString(8))
  }
  operator.mkdir('/open', 0o755)
  t.ok(ada.summary('/open'))
  t.throws(() => operator.summary('/none'), { code: 'NOT_FOUND' })
  shard.verify()
})
