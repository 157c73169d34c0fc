import { fsck } from '@hopbine/common/protocol/cluster.ts'
import { getXattr, listXattrs, removeXattr, SET_XATTR, setXattr } from '@hopbine/common/protocol/metadata.ts'
import { FLAG } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import type { TestSession } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'
import { reclaim } from './internal.ts'

const set = (session: TestSession, path: string, name: string, value: string, how = 0) =>
  session.write(setXattr, { path, name, value: Buffer.from(value), how })
const get = (session: TestSession, path: string, name: string): string =>
  Buffer.from(session.read(getXattr, { path, name }).value).toString()
const names = (session: TestSession, path: string): string[] => session.read(listXattrs, { path }).names

t.test('attributes of files and directories are set, read, listed, replaced and removed', async t => {
  const { shard, operator } = openShard()
  operator.create('/file', { content: 'x' })
  operator.mkdir('/dir')
  for (const path of ['/file', '/dir']) {
    const { ctimeNs } = operator.stat(path)
    set(operator, path, 'user.b', 'one')
    set(operator, path, 'user.a', '')
    set(operator, path, 'trusted.t', 'secret')
    set(operator, path, 'user.b', 'two', SET_XATTR.replace)
    t.equal(get(operator, path, 'user.b'), 'two')
    t.equal(get(operator, path, 'user.a'), '')
    t.same(names(operator, path), ['trusted.t', 'user.a', 'user.b'])
    t.not(operator.stat(path).ctimeNs, ctimeNs)
    operator.write(removeXattr, { path, name: 'user.a' })
    t.same(names(operator, path), ['trusted.t', 'user.b'])
  }
  shard.verify()
})

t.test('they follow the inode through renames and links, and go with it', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/d/e')
  operator.create('/d/x', { content: 'x' })
  set(operator, '/d/x', 'user.a', '1')
  set(operator, '/d/e', 'user.a', '1')
  operator.rename('/d/x', '/d/y')
  t.equal(get(operator, '/d/y', 'user.a'), '1')
  operator.remove('/d', true)
  for (let left = 1; left > 0; ) left = shard.own<{ left: number }>(reclaim, { max: 2 }).left
  t.equal(shard.state.db.prepare('SELECT count(*) FROM xattr').pluck().get(), 0)
  shard.verify()
})

t.test('each space has its own rights', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const [ada, eve] = [shard.as('ada'), shard.as('eve')]
  ada.create('/mine', { content: 'x', mode: 0o644 })
  set(ada, '/mine', 'user.a', '1')
  set(operator, '/mine', 'trusted.t', '1')
  set(operator, '/mine', 'security.s', '1')
  t.equal(get(eve, '/mine', 'user.a'), '1')
  t.equal(get(eve, '/mine', 'security.s'), '1')
  t.throws(() => set(eve, '/mine', 'user.a', '2'), { code: 'ACCESS_DENIED' })
  t.throws(() => get(ada, '/mine', 'trusted.t'), { code: 'NO_ATTRIBUTE', errno: 'ENODATA' })
  t.same(names(ada, '/mine'), ['security.s', 'user.a'])
  t.throws(() => set(ada, '/mine', 'security.s', '2'), { code: 'NOT_PERMITTED' })
  operator.symlink('/link', '/none')
  const link = `/.reserved/.inodes/${operator.stat('/link', false).id}`
  t.throws(() => set(operator, link, 'user.a', '1'), { code: 'NOT_PERMITTED' })
  shard.verify()
})

t.test('refuses wrong names, sizes, numbers and ways', async t => {
  const { shard, operator } = openShard()
  operator.create('/x', { content: 'x' })
  for (const [name, code] of [
    ['system.posix_acl_access', 'UNSUPPORTED'],
    ['plain', 'UNSUPPORTED'],
    ['user.', 'INVALID_ARGUMENT'],
    [`user.${'n'.repeat(251)}`, 'NAME_TOO_LONG'],
  ] as const) {
    t.throws(() => set(operator, '/x', name, '1'), { code })
  }
  t.throws(() => set(operator, '/x', 'user.a', 'v'.repeat(65_537)), { code: 'INVALID_ARGUMENT' })
  t.throws(() => set(operator, '/x', 'user.a', '1', SET_XATTR.replace), { code: 'NO_ATTRIBUTE' })
  set(operator, '/x', 'user.a', '1', SET_XATTR.create)
  t.throws(() => set(operator, '/x', 'user.a', '1', SET_XATTR.create), { code: 'ALREADY_EXISTS' })
  t.throws(() => set(operator, '/x', 'user.a', '1', 9), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.write(removeXattr, { path: '/x', name: 'user.b' }), { code: 'NO_ATTRIBUTE' })
  for (let i = 1; i < 128; i++) set(operator, '/x', `user.${i}`, '1')
  t.throws(() => set(operator, '/x', 'user.one-more', '1'), { code: 'NO_SPACE' })
  shard.verify()
})

t.test('a flag says whether there are any, and a check finds one that lies', async t => {
  const { shard, operator } = openShard()
  operator.create('/file', { content: 'x' })
  operator.mkdir('/dir')
  const has = (path: string): boolean => (operator.stat(path).flags & FLAG.xattrs) !== 0
  for (const path of ['/file', '/dir']) {
    t.notOk(has(path))
    set(operator, path, 'user.a', '1')
    set(operator, path, 'user.b', '2')
    operator.write(removeXattr, { path, name: 'user.a' })
    t.ok(has(path))
    operator.write(removeXattr, { path, name: 'user.b' })
    t.notOk(has(path))
  }
  shard.verify()
  const { id } = operator.stat('/file')
  shard.damage(tx => tx.xattrs.set(id, 'user.a', Buffer.from('1')))
  t.same(operator.write(fsck, { repair: false }).problems, [
    `inode ${id}: its extended attributes and its flag disagree`,
  ])
})
