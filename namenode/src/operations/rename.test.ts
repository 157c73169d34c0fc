import { RENAME } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

const { replace, exchange, noReplace } = RENAME

t.test('moves a tree with everything below it and its totals', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b/c')
  operator.mkdir('/x')
  operator.create('/a/b/c/f', { content: '12345', replication: 2 })
  const { id } = operator.stat('/a/b')
  operator.rename('/a/b', '/x/y')
  t.equal(operator.stat('/x/y').id, id)
  t.match(operator.stat('/x/y/c/f'), { size: 5 })
  t.throws(() => operator.stat('/a/b'), { code: 'NOT_FOUND' })
  t.match(operator.summary('/a'), { files: 0, directories: 1, bytes: 0, diskBytes: 0 })
  t.match(operator.summary('/x'), { files: 1, directories: 3, bytes: 5, diskBytes: 10 })
  t.match(operator.summary('/'), { files: 1, directories: 5 })
  t.match(operator.stat('/a'), { children: 0, nlink: 2 })
  t.match(operator.stat('/x'), { children: 1, nlink: 3 })
  const [from, to] = [operator.stat('/a').id, operator.stat('/x').id]
  t.match(shard.events().at(-1), {
    what: 'rename',
    inodeId: id,
    parentId: to,
    name: 'y',
    oldParentId: from,
    oldName: 'b',
    kind: 2,
  })
  shard.verify()
})

t.test('moves files and links, within a directory and between two', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.create('/f', { content: 'x' })
  operator.symlink('/l', 'f')
  operator.rename('/f', '/g')
  operator.rename('/g', '/d/f')
  operator.rename('/l', '/d/l')
  t.same(operator.names('/d'), ['f', 'l'])
  t.match(operator.stat('/d/l'), { name: 'f' }, 'a link itself moves')
  t.match(operator.summary('/d'), { files: 2, bytes: 2 })
  shard.verify()
})

t.test('refuses a taken name unless it may replace it', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: 'new' })
  operator.create('/g', { content: 'old' })
  operator.mkdirs('/d')
  for (const to of ['/g', '/d', '/f']) {
    t.throws(() => operator.rename('/f', to, noReplace), { code: 'ALREADY_EXISTS' }, to)
  }
  operator.rename('/f', '/g', replace)
  t.equal(operator.open('/g').inline?.toString(), 'new')
  t.same(operator.names('/'), ['d', 'g'])
  t.match(operator.summary('/'), { files: 1, bytes: 3 })
  shard.verify()
})

t.test(
  'replaces as POSIX says: a directory an empty directory, anything else what is no directory',
  async t => {
    const { shard, operator } = openShard()
    operator.mkdirs('/full/in')
    operator.mkdir('/empty')
    operator.mkdir('/dir')
    operator.create('/file', { content: '' })
    operator.symlink('/link', '/dir')
    t.throws(() => operator.rename('/dir', '/full', replace), { code: 'NOT_EMPTY', errno: 'ENOTEMPTY' })
    t.throws(() => operator.rename('/file', '/empty', replace), { code: 'IS_A_DIRECTORY' })
    t.throws(() => operator.rename('/dir', '/file', replace), { code: 'NOT_A_DIRECTORY' })
    t.throws(() => operator.rename('/dir', '/link', replace), { code: 'NOT_A_DIRECTORY' })
    operator.rename('/dir', '/empty', replace)
    operator.rename('/file', '/link', replace)
    t.same(operator.names('/'), ['empty', 'full', 'link'])
    t.match(operator.stat('/link'), { kind: 1 })
    t.match(operator.summary('/'), { files: 1, directories: 4 })
    shard.verify()
  },
)

t.test('onto itself is nothing', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.create('/f', { content: '' })
  const events = shard.events().length
  for (const path of ['/d', '/f']) {
    operator.rename(path, path, replace)
    operator.rename(path, path, exchange)
  }
  t.equal(shard.events().length, events)
  shard.verify()
})

t.test('a directory never goes below itself', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b/c')
  operator.symlink('/in', '/a/b')
  const refusal = { code: 'INVALID_ARGUMENT', errno: 'EINVAL' }
  t.throws(() => operator.rename('/a', '/a/b/x'), refusal)
  t.throws(() => operator.rename('/a', '/a/x', replace), refusal)
  t.throws(() => operator.rename('/a', '/in/x'), refusal)
  t.throws(() => operator.rename('/a', '/a/b', exchange), refusal)
  t.throws(() => operator.rename('/a/b', '/a', exchange), refusal)
  t.throws(() => operator.rename('/a/b/c', '/a', replace), { code: 'NOT_EMPTY' })
  shard.verify()
})

t.test('exchange swaps two names of any kind at once', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/p/d/in')
  operator.mkdirs('/q/e')
  operator.create('/p/d/in/f', { content: '1234567', replication: 3 })
  operator.create('/q/g', { content: '12', replication: 2 })
  const [d, e, g] = [operator.stat('/p/d').id, operator.stat('/q/e').id, operator.stat('/q/g').id]
  operator.rename('/p/d', '/q/g', exchange)
  t.equal(operator.stat('/q/g').id, d)
  t.equal(operator.stat('/p/d').id, g)
  t.match(operator.stat('/q/g/in/f'), { size: 7 })
  t.match(operator.summary('/p'), { files: 1, directories: 1, bytes: 2, diskBytes: 4 })
  t.match(operator.summary('/q'), { files: 1, directories: 4, bytes: 7, diskBytes: 21 })
  t.match(operator.stat('/p'), { children: 1, nlink: 2 })
  t.match(operator.stat('/q'), { children: 2, nlink: 4 })
  operator.rename('/q/g', '/q/e', exchange)
  t.match([operator.stat('/q/e').id, operator.stat('/q/g').id], [d, e])
  t.match(shard.events().slice(-2), [
    { what: 'rename', inodeId: d, name: 'e', oldName: 'g', part: 0 },
    { what: 'rename', inodeId: e, name: 'g', oldName: 'e', part: 1 },
  ])
  t.throws(() => operator.rename('/p/d', '/none', exchange), { code: 'NOT_FOUND' })
  shard.verify()
})

t.test('a replaced file lets its blocks and its lease go', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  const { id } = writer.create('/old')
  writer.addBlock(id)
  operator.create('/new', { content: '' })
  operator.rename('/new', '/old', replace)
  t.equal(shard.state.sessions.openFiles, 0)
  t.throws(() => writer.complete(id, [], 0), { code: 'LEASE_LOST' })
  t.throws(() => operator.stat(`/.reserved/.inodes/${id}`), { code: 'STALE' })
  shard.verify()
})

t.test('a file that is renamed while it is written stays its writer’s', async t => {
  const { shard, operator } = openShard()
  const writer = shard.operator()
  const { id } = writer.create('/f')
  operator.mkdir('/d')
  operator.rename('/f', '/d/g')
  t.match(writer.completeInline(id, 'abc'), { name: 'g', size: 3 })
  t.match(operator.summary('/d'), { files: 1, bytes: 3 })
  shard.verify()
})

t.test('asks write permission on both directories, and on a directory that gets another parent', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/open', 0o777)
  operator.mkdir('/open2', 0o777)
  operator.mkdir('/closed', 0o755)
  operator.create('/closed/f', { content: '' })
  operator.create('/open/f', { content: '' })
  operator.mkdir('/open/d', 0o755)
  const ada = shard.as('ada')
  const refusal = { code: 'ACCESS_DENIED' }
  t.throws(() => ada.rename('/closed/f', '/open/x'), refusal)
  t.throws(() => ada.rename('/open/f', '/closed/x'), refusal)
  t.throws(() => ada.rename('/open/f', '/closed/f', replace), refusal)
  t.throws(() => ada.rename('/open/f', '/closed/f', exchange), refusal)
  t.throws(() => ada.rename('/open/d', '/open2/d'), refusal, 'its `..` would change')
  ada.rename('/open/d', '/open/e')
  ada.rename('/open/f', '/open2/f')
  shard.verify()
})

t.test('in a sticky directory only owners rename and are replaced', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/tmp', 0o1777)
  operator.mkdir('/open', 0o777)
  const [ada, bob] = [shard.as('ada'), shard.as('bob')]
  ada.create('/tmp/a', { content: 'a', mode: 0o666 })
  bob.create('/tmp/b', { content: 'b', mode: 0o666 })
  bob.create('/open/b', { content: 'b', mode: 0o666 })
  const refusal = { code: 'NOT_PERMITTED', errno: 'EPERM' }
  t.throws(() => bob.rename('/tmp/a', '/tmp/c'), refusal)
  t.throws(() => bob.rename('/tmp/b', '/tmp/a', replace), refusal)
  t.throws(() => bob.rename('/open/b', '/tmp/a', replace), refusal)
  t.throws(() => bob.rename('/tmp/b', '/tmp/a', exchange), refusal)
  ada.rename('/tmp/a', '/tmp/c')
  operator.rename('/tmp/c', '/tmp/a')
  shard.verify()
})

t.test('quotas above the new place are kept, those above both places do not matter', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/top/a/tree/sub')
  operator.mkdirs('/top/b')
  operator.create('/top/a/tree/f', { content: '12345', replication: 2 })
  operator.setQuota('/top', 6, 10)
  operator.setQuota('/top/b', 3)
  const names = { code: 'NAME_QUOTA_EXCEEDED', details: { quota: 3, used: 1 } }
  t.throws(() => operator.rename('/top/a/tree', '/top/b/tree'), names)
  operator.setQuota('/top/b', 4, 9)
  t.throws(() => operator.rename('/top/a/tree', '/top/b/tree'), { code: 'SPACE_QUOTA_EXCEEDED' })
  operator.setQuota('/top/b', 4, 10)
  operator.rename('/top/a/tree', '/top/b/tree')
  operator.rename('/top/b/tree', '/top/b/again')
  t.match(operator.summary('/top/b'), { files: 1, directories: 3, diskBytes: 10 })
  shard.verify()
})

t.test('what is replaced or swapped makes room for what comes', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/q')
  operator.create('/q/f', { content: '1234' })
  operator.create('/big', { content: '123456' })
  operator.create('/small', { content: '123' })
  operator.setQuota('/q', 2, 5)
  t.throws(() => operator.rename('/big', '/q/f', replace), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.throws(() => operator.rename('/big', '/q/f', exchange), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.throws(() => operator.rename('/small', '/q/g'), { code: 'NAME_QUOTA_EXCEEDED' })
  operator.rename('/small', '/q/f', exchange)
  t.match(operator.summary('/q'), { files: 1, bytes: 3 })
  operator.rename('/small', '/q/f', replace)
  t.match(operator.summary('/q'), { files: 1, bytes: 4 })
  operator.mkdir('/d')
  operator.rename('/d', '/q/f', exchange)
  t.match(operator.summary('/q'), { files: 0, directories: 2, bytes: 0 })
  shard.verify()
})

t.test('an exchange may not put more into either side than fits', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/p/tree/a/b')
  operator.mkdirs('/q')
  operator.create('/q/f', { content: 'x' })
  operator.setQuota('/q', 3)
  t.throws(() => operator.rename('/p/tree', '/q/f', exchange), { code: 'NAME_QUOTA_EXCEEDED' })
  t.throws(() => operator.rename('/q/f', '/p/tree', exchange), { code: 'NAME_QUOTA_EXCEEDED' })
  operator.setQuota('/q', 4)
  operator.rename('/q/f', '/p/tree', exchange)
  t.match(operator.summary('/q'), { directories: 4, files: 0 })
  shard.verify()
})

t.test('refuses what has no name, missing names and unknown modes', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.mkdir('/d')
  const refusal = { code: 'INVALID_ARGUMENT' }
  t.throws(() => operator.rename('/', '/x'), refusal)
  t.throws(() => operator.rename('/d', '/', replace), refusal)
  t.throws(() => operator.rename(`/.reserved/.inodes/${id}`, '/x'), refusal)
  t.throws(() => operator.rename('/d', '/e', 3), refusal)
  t.throws(() => operator.rename('/none', '/e'), { code: 'NOT_FOUND' })
  t.throws(() => operator.rename('/d', '/none/e'), { code: 'NOT_FOUND' })
  t.throws(() => operator.rename('/d', '/..'), { code: 'INVALID_NAME' })
  t.throws(() => operator.rename('/d', `/${'x'.repeat(256)}`), { code: 'NAME_TOO_LONG' })
  shard.verify()
})

t.test('times of both directories and the change time of what moved follow', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/d')
  operator.mkdir('/b')
  const before = operator.stat('/a/d')
  shard.time.advance(5000)
  operator.rename('/a/d', '/b/d')
  const now = shard.time.host.clock.wall().seconds
  t.match(operator.stat('/a'), { mtime: now, ctime: now })
  t.match(operator.stat('/b'), { mtime: now, ctime: now })
  t.match(operator.stat('/b/d'), { mtime: before.mtime, ctime: now })
  shard.verify()
})
