import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('sets the bits of a file, a directory and the root, and the change time', async t => {
  const { shard, operator } = openShard()
  const file = operator.create('/f', { content: '' })
  operator.mkdir('/d')
  shard.time.advance(3000)
  const status = operator.chmod('/f', 0o4751)
  t.match(status, { mode: 0o4751, mtime: file.mtime, ctime: file.ctime + 3 })
  t.match(operator.chmod('/d', 0o1770), { mode: 0o1770 })
  t.match(operator.chmod('/', 0o700), { mode: 0o700, id: 1 })
  t.match(operator.stat('/d'), { mode: 0o1770 })
  t.throws(() => shard.as('ada').stat('/d'), { code: 'ACCESS_DENIED' })
  t.match(shard.events().at(-1), { what: 'chmod', inodeId: 1, parentId: 0, kind: 2 })
  shard.verify()
})

t.test('follows a link to what it changes', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  operator.symlink('/l', 'f')
  t.match(operator.chmod('/l', 0o600), { name: 'f', mode: 0o600 })
  t.match(operator.stat('/l', false), { mode: 0o777 })
  shard.verify()
})

t.test('only the owner and superusers may, whatever the bits say', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const [ada, bob] = [shard.as('ada'), shard.as('bob', ['ada'])]
  ada.create('/f', { content: '', mode: 0o777 })
  t.throws(() => bob.chmod('/f', 0o600), { code: 'NOT_PERMITTED', errno: 'EPERM' })
  t.throws(() => ada.chmod('/', 0o777), { code: 'NOT_PERMITTED' })
  t.match(ada.chmod('/f', 0), { mode: 0 })
  t.match(ada.chmod('/f', 0o600), { mode: 0o600 }, 'an owner needs no bits')
  t.match(operator.chmod('/f', 0o644), { mode: 0o644 })
  shard.verify()
})

t.test('the set-gid bit of a file falls off outside its group', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  operator.mkdir('/d')
  for (const path of ['/f', '/d']) operator.chown(path, 'ada', 'team')
  t.match(shard.as('ada', ['staff']).chmod('/f', 0o2755), { mode: 0o755 })
  t.match(shard.as('ada', ['staff', 'team']).chmod('/f', 0o2755), { mode: 0o2755 })
  t.match(shard.as('ada', ['staff']).chmod('/d', 0o2755), { mode: 0o2755 })
  shard.verify()
})

t.test('refuses bits that are none, and what is not there', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  t.throws(() => operator.chmod('/f', 0o10000), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.chmod('/none', 0o644), { code: 'NOT_FOUND' })
  shard.verify()
})
