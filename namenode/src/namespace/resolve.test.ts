import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('a path is never changed before it is walked', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/a')
  for (const path of ['/a/', '//a', '/a//b', '/a/.', '/./a', '/a/..', '/../a', '/a/\0']) {
    t.throws(() => operator.stat(path), { code: 'INVALID_NAME' }, JSON.stringify(path))
  }
  t.throws(() => operator.stat('a'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.stat(''), { code: 'INVALID_ARGUMENT' })
  shard.verify()
})

t.test('names are taken as they are: case, composition and order of bytes matter', async t => {
  const { shard, operator } = openShard()
  const names = ['a', 'A', '\u00e4', 'a\u0308', '\u{1f600}', '\uffee', ' ', '~']
  for (const name of names) operator.mkdir(`/${name}`)
  for (const name of names) t.equal(operator.stat(`/${name}`).name, name)
  const inByteOrder = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  t.same(operator.names('/'), inByteOrder)
  shard.verify()
})

t.test('links in the middle are followed, absolute and relative, with dots in their targets', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b/c')
  operator.create('/a/b/c/f', { content: 'x' })
  for (const [name, target] of [
    ['absolute', '/a/b'],
    ['relative', 'a/b'],
    ['dots', './a/../a/./b/c/..'],
    ['over', '../../../a/b'],
    ['twice', 'relative'],
    ['slash', 'a/b///'],
  ] as const) {
    operator.symlink(`/${name}`, target)
    t.match(operator.stat(`/${name}/c/f`), { size: 1 }, name)
    t.match(operator.stat(`/${name}`), { name: 'b', kind: 2 }, name)
  }
  operator.symlink('/a/b/up', '..')
  t.match(operator.stat('/a/b/up/b/c'), { name: 'c' })
  operator.symlink('/top', '..')
  t.match(operator.stat('/top'), { id: 1 })
  shard.verify()
})

t.test('the last link is followed only where that is asked for', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.symlink('/d/link', '../d')
  t.match(operator.stat('/d/link', false), { kind: 3, target: '../d', size: 4 })
  t.match(operator.stat('/d/link', true), { kind: 2, name: 'd' })
  t.match(operator.stat('/d/link/link/link', false), { kind: 3 })
  shard.verify()
})

t.test('40 links are followed, one more is a loop', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/l0')
  for (let i = 1; i <= 41; i++) operator.symlink(`/l${i}`, `l${i - 1}`)
  const refusal = { code: 'SYMLINK_LOOP', errno: 'ELOOP' }
  t.match(operator.stat('/l40'), { kind: 2 })
  t.throws(() => operator.stat('/l41'), refusal)
  operator.mkdir('/l0/x')
  t.match(operator.stat('/l40/x'), { kind: 2 })
  t.throws(() => operator.stat('/l41/x'), refusal)
  operator.symlink('/loop', 'loop')
  t.throws(() => operator.stat('/loop'), refusal)
  t.throws(() => operator.stat('/loop/x'), refusal)
  t.throws(() => operator.create('/loop', { content: '' }), refusal)
  operator.symlink('/ping', 'pong/x')
  operator.symlink('/pong', 'ping/x')
  t.throws(() => operator.stat('/ping'), refusal)
  shard.verify()
})

t.test('links that fan out end by the count of links, not by time', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.symlink('/d/0', '.')
  for (let i = 1; i < 30; i++) operator.symlink(`/d/${i}`, `${i - 1}/${i - 1}`)
  t.throws(() => operator.stat('/d/29/x'), { code: 'SYMLINK_LOOP' })
  shard.verify()
})

t.test('a dangling link is no file and a file is no directory', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  operator.symlink('/dangling', '/none')
  operator.symlink('/toFile', '/f')
  t.throws(() => operator.stat('/dangling'), { code: 'NOT_FOUND' })
  t.throws(() => operator.stat('/dangling/x'), { code: 'NOT_FOUND' })
  t.throws(() => operator.stat('/f/x'), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => operator.stat('/toFile/x'), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => operator.stat('/none/x'), { code: 'NOT_FOUND' })
  shard.verify()
})

t.test(
  'search permission is asked on every directory on the way, on links’ ways and for dots too',
  async t => {
    const { shard, operator } = openShard()
    operator.mkdirs('/open/closed/in')
    operator.mkdirs('/open/other')
    operator.chmod('/open/closed', 0o744)
    const ada = shard.as('ada')
    const refusal = { code: 'ACCESS_DENIED' }
    t.match(ada.stat('/open/closed'), { mode: 0o744 })
    t.throws(() => ada.stat('/open/closed/in'), refusal)
    t.throws(() => ada.stat('/open/closed/none'), refusal, 'not even whether it exists')
    operator.symlink('/into', '/open/closed/in')
    operator.symlink('/through', '/open/closed/../other')
    operator.symlink('/dot', '/open/closed/.')
    t.throws(() => ada.stat('/into'), refusal)
    t.throws(() => ada.stat('/through'), refusal)
    t.throws(() => ada.stat('/dot'), refusal)
    t.match(operator.stat('/through'), { name: 'other' })
    shard.verify()
  },
)

t.test('an inode path starts at the inode, with the rights of a walk by names', async t => {
  const { shard, operator } = openShard()
  const a = operator.mkdirs('/a/b')
  const file = operator.create('/a/b/f', { content: 'x' })
  const by = (id: number, rest = ''): string => `/.reserved/.inodes/${id}${rest}`
  t.match(operator.stat(by(a.id)), { name: 'b', id: a.id })
  t.match(operator.stat(by(file.id)), { name: 'f', size: 1 })
  t.match(operator.stat(by(a.id, '/f')), { id: file.id })
  t.match(operator.stat(by(1)), { id: 1 })
  operator.rename('/a/b', '/c')
  t.match(operator.stat(by(file.id)), { id: file.id }, 'it follows the inode')
  t.throws(() => operator.stat(by(file.id, '/x')), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => operator.stat(by(99_999)), { code: 'STALE' })
  for (const id of ['', 'x', '-1', '1.5', '1e400', 'NaN']) {
    t.throws(() => operator.stat(`/.reserved/.inodes/${id}`), /NOT_FOUND|STALE|gone|no such/, id)
  }
  operator.chmod('/c', 0o700)
  t.throws(() => shard.as('ada').stat(by(file.id)), { code: 'ACCESS_DENIED' })
  t.throws(() => shard.as('ada').stat(by(a.id, '/f')), { code: 'ACCESS_DENIED' })
  operator.remove('/c', true)
  t.throws(() => operator.stat(by(file.id)), { code: 'STALE', errno: 'ESTALE' })
  t.throws(() => operator.stat(by(a.id)), { code: 'STALE' })
  t.throws(() => operator.mkdir(by(a.id, '/new')), { code: 'STALE' })
  shard.verify()
})

t.test('no path leads to the place where removed trees wait', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.mkdirs('/a/b')
  operator.remove('/a', true)
  for (const path of ['/.reserved/.inodes/2', '/.reserved/.inodes/2/x', `/.reserved/.inodes/2/${id}`]) {
    t.throws(() => operator.stat(path), { code: 'STALE' }, path)
    t.throws(() => operator.names(path), { code: 'STALE' })
    t.throws(() => operator.mkdir(path), { code: 'STALE' })
    t.throws(() => operator.create(path, { content: '' }), { code: 'STALE' })
    t.throws(() => operator.rename(path, '/back'), { code: 'STALE' })
    t.throws(() => operator.remove(path, true), { code: 'STALE' })
    t.throws(() => operator.chmod(path, 0o777), { code: 'STALE' })
  }
  t.throws(() => operator.stat('/reclaim'), { code: 'NOT_FOUND' })
  shard.verify()
})
