import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('makes a directory and every missing one above it', async t => {
  const { shard, operator } = openShard()
  const status = operator.mkdirs('/a/b/c', 0o750)
  t.match(status, { name: 'c', mode: 0o750, owner: 'operator' })
  t.match(operator.stat('/a/b'), { mode: 0o750, children: 1 })
  t.match(operator.summary('/'), { directories: 4 })
  t.same(
    shard.events().map(({ what, name }) => [what, name]),
    [
      ['mkdir', 'a'],
      ['mkdir', 'b'],
      ['mkdir', 'c'],
    ],
  )
  t.same(
    shard.events().map(({ part }) => part),
    [0, 1, 2],
    'events of one entry are told apart',
  )
  shard.verify()
})

t.test('directories on the way can be entered and written by their maker whatever the mode', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const ada = shard.as('ada')
  t.match(ada.mkdirs('/a/b', 0o444), { mode: 0o444 })
  t.match(operator.stat('/a'), { mode: 0o744 })
  shard.verify()
})

t.test('is content with a directory that exists, itself or through a link', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.mkdirs('/a/b')
  operator.symlink('/link', '/a')
  const events = shard.events().length
  t.equal(operator.mkdirs('/a/b').id, id)
  t.equal(operator.mkdirs('/link/b').id, id)
  t.equal(operator.mkdirs('/link').name, 'a')
  t.match(operator.mkdirs('/'), { id: 1 })
  t.equal(shard.events().length, events, 'nothing happened')
  t.match(operator.mkdirs('/link/c/d'), { name: 'd' })
  t.match(operator.stat('/a/c/d'), { kind: 2 })
  shard.verify()
})

t.test('refuses anything else in the way', async t => {
  const { shard, operator } = openShard()
  operator.create('/file', { content: '' })
  operator.symlink('/dangling', '/none')
  operator.symlink('/loop', '/loop')
  t.throws(() => operator.mkdirs('/file'), { code: 'ALREADY_EXISTS' })
  t.throws(() => operator.mkdirs('/file/a'), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => operator.mkdirs('/dangling'), { code: 'NOT_FOUND' })
  t.throws(() => operator.mkdirs('/dangling/a'), { code: 'NOT_FOUND' })
  t.throws(() => operator.mkdirs('/loop/a'), { code: 'SYMLINK_LOOP', errno: 'ELOOP' })
  shard.verify()
})

t.test('one bad name anywhere refuses all of it', async t => {
  const { shard, operator } = openShard()
  t.throws(() => operator.mkdirs('/a/b/../c'), { code: 'INVALID_NAME' })
  t.throws(() => operator.mkdirs('/a//c'), { code: 'INVALID_NAME' })
  t.throws(() => operator.mkdirs(`/a/${'x'.repeat(256)}/c`), { code: 'NAME_TOO_LONG' })
  t.same(operator.names('/'), [])
  shard.verify()
})

t.test('needs write permission where the first missing one goes', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b')
  const ada = shard.as('ada')
  t.throws(() => ada.mkdirs('/a/b/c/d'), { code: 'ACCESS_DENIED' })
  t.match(ada.mkdirs('/a/b'), { owner: 'operator' })
  operator.chmod('/a/b', 0o777)
  t.match(ada.mkdirs('/a/b/c/d'), { owner: 'ada' })
  operator.chmod('/a', 0o700)
  t.throws(() => ada.mkdirs('/a/b/c/d'), { code: 'ACCESS_DENIED' })
  shard.verify()
})

t.test('counts all of it before the first is made', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/q')
  operator.setQuota('/q', 3)
  t.throws(() => operator.mkdirs('/q/a/b/c'), { code: 'NAME_QUOTA_EXCEEDED', details: { used: 1 } })
  t.same(operator.names('/q'), [])
  operator.mkdirs('/q/a/b')
  t.match(operator.summary('/q'), { directories: 3 })
  shard.verify()
})

t.test('makes missing ones below an inode path too', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.mkdir('/a')
  operator.mkdirs(`/.reserved/.inodes/${id}/b/c`)
  t.match(operator.stat('/a/b/c'), { kind: 2 })
  t.equal(operator.mkdirs(`/.reserved/.inodes/${id}`).id, id)
  shard.verify()
})
