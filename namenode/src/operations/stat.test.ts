import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('answers every attribute', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  shard.as('ada', ['staff']).create('/f', { content: 'abc', mode: 0o640, replication: 3 })
  const { seconds } = shard.time.host.clock.wall()
  t.match(operator.stat('/f'), {
    name: 'f',
    kind: 1,
    mode: 0o640,
    owner: 'ada',
    group: 'staff',
    size: 3,
    atime: seconds,
    mtime: seconds,
    ctime: seconds,
    nlink: 1,
    blockSize: 128 * 1024 * 1024,
    replication: 3,
    children: 0,
    flags: 2,
    generation: 1,
    target: '',
  })
  t.match(operator.stat('/'), { id: 1, name: '', kind: 2, nlink: 2, children: 1, size: 0, replication: 0 })
  shard.verify()
})

t.test('needs search permission on the way and none on the thing itself', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d', 0o711)
  operator.create('/d/f', { content: '', mode: 0 })
  const ada = shard.as('ada')
  t.match(ada.stat('/d/f'), { mode: 0 })
  operator.chmod('/d', 0o766)
  t.throws(() => ada.stat('/d/f'), { code: 'ACCESS_DENIED' })
  t.match(ada.stat('/d'), { mode: 0o766 })
  shard.verify()
})

t.test('the owner’s bits count for the owner even when the group’s or others’ say more', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d', 0o077)
  operator.create('/d/f', { content: '' })
  operator.chown('/d', 'ada', 'team')
  t.throws(() => shard.as('ada', ['team']).stat('/d/f'), { code: 'ACCESS_DENIED' })
  t.ok(shard.as('bob', ['other', 'team']).stat('/d/f'))
  operator.chmod('/d', 0o707)
  t.throws(() => shard.as('bob', ['other', 'team']).stat('/d/f'), { code: 'ACCESS_DENIED' })
  t.ok(shard.as('carl').stat('/d/f'))
  t.ok(shard.as('team', ['x']).stat('/d/f'), 'a user with a group’s name is not in the group')
  shard.verify()
})

t.test('an inode path names the inode itself, also when it is a symbolic link', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.symlink('/link', '/nowhere')
  const path = `/.reserved/.inodes/${id}`
  t.match(operator.stat(path), { id, kind: 3 })
  t.match(operator.chown(path, 'ada'), { id, owner: 'ada' })
  shard.verify()
})
