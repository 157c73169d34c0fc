import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('makes one directory that belongs to its maker and the maker’s first group', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const status = shard.as('ada', ['staff', 'ada']).mkdir('/a', 0o750)
  t.match(status, { name: 'a', mode: 0o750, owner: 'ada', group: 'staff', nlink: 2, children: 0, size: 0 })
  t.match(operator.stat('/'), { children: 1, nlink: 3, mtime: status.mtime, mtimeNs: status.mtimeNs })
  t.match(operator.summary('/'), { files: 0, directories: 2, bytes: 0, diskBytes: 0 })
  shard.verify()
})

t.test('a directory in one with the set-gid bit takes its group and the bit', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/shared', 0o2777)
  operator.chown('/shared', undefined, 'team')
  const ada = shard.as('ada', ['staff'])
  t.match(ada.mkdir('/shared/a', 0o700), { group: 'team', mode: 0o2700, owner: 'ada' })
  t.match(ada.mkdir('/shared/a/b', 0o755), { group: 'team', mode: 0o2755 })
  shard.verify()
})

t.test('keeps set-uid, sticky and permission bits and drops anything above them', async t => {
  const { shard, operator } = openShard()
  t.equal(operator.mkdir('/a', 0o1777).mode, 0o1777)
  t.equal(operator.mkdir('/b', 0o170755).mode, 0o755)
  shard.verify()
})

t.test('refuses a taken name, whatever has it', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/dir')
  operator.create('/file', { content: 'x' })
  operator.symlink('/link', '/nowhere')
  for (const path of ['/dir', '/file', '/link', '/']) {
    t.throws(() => operator.mkdir(path), { code: 'ALREADY_EXISTS', errno: 'EEXIST' }, path)
  }
  shard.verify()
})

t.test('refuses a place without a parent directory', async t => {
  const { shard, operator } = openShard()
  operator.create('/file', { content: 'x' })
  operator.symlink('/link', '/nowhere')
  t.throws(() => operator.mkdir('/none/a'), { code: 'NOT_FOUND', errno: 'ENOENT' })
  t.throws(() => operator.mkdir('/link/a'), { code: 'NOT_FOUND' })
  t.throws(() => operator.mkdir('/file/a'), { code: 'NOT_A_DIRECTORY', errno: 'ENOTDIR' })
  shard.verify()
})

t.test('needs write and search permission on the parent', async t => {
  const { shard, operator } = openShard()
  const ada = shard.as('ada')
  for (const [mode, code] of [
    [0o755, 'ACCESS_DENIED'],
    [0o776, 'ACCESS_DENIED'],
    [0o772, 'ACCESS_DENIED'],
    [0o773, undefined],
  ] as const) {
    const path = `/d${mode.toString(8)}`
    operator.mkdir(path, mode)
    if (code === undefined) t.ok(ada.mkdir(`${path}/a`))
    else t.throws(() => ada.mkdir(`${path}/a`), { code, errno: 'EACCES' }, path)
  }
  shard.verify()
})

t.test('is refused by a name quota of any directory above before the count is exceeded by one', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/top/mid/low')
  operator.setQuota('/top', 4)
  operator.mkdir('/top/mid/low/1')
  const refusal = { code: 'NAME_QUOTA_EXCEEDED', errno: 'EDQUOT', details: { quota: 4, used: 4 } }
  t.throws(() => operator.mkdir('/top/mid/low/2'), refusal)
  t.match(operator.summary('/top'), { directories: 4, nameQuota: 4 })
  operator.remove('/top/mid/low/1')
  t.ok(operator.mkdir('/top/mid/low/2'), 'a removed name is free at once')
  shard.verify()
})

t.test('tells the change feed who made what where', async t => {
  const { shard, operator } = openShard()
  const { id: parentId } = operator.mkdir('/a')
  const { id } = operator.mkdir('/a/b')
  t.match(shard.events(), [
    { what: 'mkdir', name: 'a', parentId: 1, inodeId: parentId, kind: 2, user: 'operator', part: 0 },
    { what: 'mkdir', name: 'b', parentId, inodeId: id },
  ])
  shard.verify()
})
