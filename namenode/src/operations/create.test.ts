import { IF_EXISTS } from '@hopbine/common/protocol/metadata.ts'
import { FLAG } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

const OVERWRITE = { ifExists: IF_EXISTS.overwrite }
const MIB = 1024 * 1024

t.test('with its bytes a file is whole at once', async t => {
  const { shard, operator } = openShard()
  const status = operator.create('/f', { content: 'hello', replication: 3, mode: 0o640 })
  t.match(status, {
    kind: 1,
    size: 5,
    mode: 0o640,
    flags: FLAG.inline,
    replication: 3,
    blockSize: 128 * MIB,
    owner: 'operator',
    nlink: 1,
  })
  t.equal(operator.open('/f').inline?.toString(), 'hello')
  t.match(operator.summary('/'), { files: 1, directories: 1, bytes: 5, diskBytes: 15 })
  t.equal(shard.state.sessions.openFiles, 0)
  t.match(shard.events(), [{ what: 'create', name: 'f', parentId: 1, size: 5, kind: 1 }])
  shard.verify()
})

t.test('without bytes it is open and leased to the session', async t => {
  const { shard, operator } = openShard()
  const status = operator.create('/f', { blockSize: 2 * MIB })
  t.match(status, { size: 0, flags: FLAG.open, replication: 1, blockSize: 2 * MIB })
  t.equal(shard.state.sessions.holderOf(status.id), operator.clientId)
  shard.verify()
})

t.test('with no bytes at all it is whole and empty', async t => {
  const { shard, operator } = openShard()
  t.match(operator.create('/f', { content: '' }), { size: 0, flags: 0 })
  t.match(operator.open('/f'), { inline: undefined, extents: [] })
  shard.verify()
})

t.test('refuses a taken name unless a file may be replaced', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/dir')
  operator.create('/file', { content: 'old' })
  operator.symlink('/dangling', '/none/x')
  t.throws(() => operator.create('/file', { content: '' }), { code: 'ALREADY_EXISTS' })
  t.throws(() => operator.create('/dir', { content: '' }), { code: 'IS_A_DIRECTORY', errno: 'EISDIR' })
  t.throws(() => operator.create('/dir', { content: '', ...OVERWRITE }), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.create('/', { content: '' }), { code: 'IS_A_DIRECTORY' })
  t.throws(() => operator.create('/dangling', { content: '' }), { code: 'NOT_FOUND' })
  t.equal(operator.open('/file').inline?.toString(), 'old')
  shard.verify()
})

t.test('replacing makes a new inode and lets the old one go with all it counted for', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const old = operator.createWithBlock('/f', 1000, { replication: 2 })
  const fresh = operator.create('/f', { content: 'new', ...OVERWRITE })
  t.not(fresh.id, old.id)
  t.match(operator.summary('/'), { files: 1, bytes: 3, diskBytes: 3 })
  t.throws(() => operator.stat(`/.reserved/.inodes/${old.id}`), { code: 'STALE', errno: 'ESTALE' })
  shard.verify()
})

t.test('a file that another session writes is not replaced until that one is silent', async t => {
  const { shard, operator } = openShard()
  const writer = shard.operator()
  const { id } = writer.create('/f')
  const refusal = { code: 'LEASE_CONFLICT', errno: 'EBUSY', details: { holder: writer.clientId } }
  t.throws(() => operator.create('/f', OVERWRITE), refusal)
  shard.silent = [writer.clientId]
  t.not(operator.create('/f', OVERWRITE).id, id)
  t.throws(() => writer.complete(id, [], 0), { code: 'LEASE_LOST', errno: 'ESTALE' })
  shard.verify()
})

t.test('follows a link at its end to the place where the file goes', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.symlink('/link', 'd/../d/file')
  operator.create('/link', { content: 'x' })
  t.match(operator.stat('/d/file'), { name: 'file', size: 1 })
  t.match(operator.stat('/link', false), { kind: 3 })
  operator.create('/link', { content: 'xy', ...OVERWRITE })
  t.match(operator.stat('/d/file'), { size: 2 })
  operator.symlink('/toDir', '/d')
  t.throws(() => operator.create('/toDir', { content: '' }), { code: 'IS_A_DIRECTORY' })
  shard.verify()
})

t.test('makes missing parents when asked to, and counts them against quotas', async t => {
  const { shard, operator } = openShard()
  t.throws(() => operator.create('/a/b/f', { content: 'x' }), { code: 'NOT_FOUND' })
  operator.create('/a/b/f', { content: 'x', createParents: true })
  t.match(operator.stat('/a/b'), { kind: 2, mode: 0o755 })
  t.match(operator.summary('/a'), { files: 1, directories: 2, bytes: 1 })
  operator.setQuota('/a', 5)
  t.throws(() => operator.create('/a/c/d/f', { content: '', createParents: true }), {
    code: 'NAME_QUOTA_EXCEEDED',
  })
  operator.create('/a/c/f', { content: '', createParents: true })
  t.match(operator.summary('/a'), { files: 2, directories: 3, nameQuota: 5 })
  operator.symlink('/link', '/a')
  operator.remove('/a/c', true)
  operator.create('/link/e/f', { content: '', createParents: true })
  t.match(operator.stat('/a/e/f'), { kind: 1 })
  t.throws(() => operator.create('/a/e/f/g/h', { content: '', createParents: true }), {
    code: 'NOT_A_DIRECTORY',
  })
  shard.verify()
})

t.test('bytes count with their copies against space quotas, to the last one', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/top/low')
  operator.setQuota('/top', undefined, 30)
  const refusal = { code: 'SPACE_QUOTA_EXCEEDED', errno: 'EDQUOT', details: { quota: 30, used: 0 } }
  t.throws(() => operator.create('/top/low/f', { content: 'x'.repeat(11), replication: 3 }), refusal)
  operator.create('/top/low/f', { content: 'x'.repeat(10), replication: 3 })
  t.throws(() => operator.create('/top/g', { content: 'x' }), { code: 'SPACE_QUOTA_EXCEEDED' })
  t.throws(() => operator.create('/top/low/f', { content: 'x'.repeat(31), ...OVERWRITE }), {
    code: 'SPACE_QUOTA_EXCEEDED',
  })
  operator.create('/top/low/f', { content: 'x'.repeat(30), ...OVERWRITE })
  t.match(operator.summary('/top'), { bytes: 30, diskBytes: 30, spaceQuota: 30 })
  shard.verify()
})

t.test('needs write permission on the directory, and on the file to replace it', async t => {
  const { shard, operator } = openShard()
  const ada = shard.as('ada')
  operator.mkdir('/closed', 0o755)
  operator.mkdir('/open', 0o777)
  operator.mkdir('/sticky', 0o1777)
  t.throws(() => ada.create('/closed/f', { content: '' }), { code: 'ACCESS_DENIED' })
  operator.create('/open/f', { content: '', mode: 0o644 })
  t.throws(() => ada.create('/open/f', { content: '', ...OVERWRITE }), { code: 'ACCESS_DENIED' })
  operator.chmod('/open/f', 0o666)
  t.equal(ada.create('/open/f', { content: '', ...OVERWRITE }).owner, 'ada')
  operator.create('/sticky/f', { content: '', mode: 0o666 })
  const refusal = { code: 'NOT_PERMITTED', errno: 'EPERM' }
  t.throws(() => ada.create('/sticky/f', { content: '', ...OVERWRITE }), refusal)
  shard.verify()
})

t.test('a refused create leaves no trace of a user who never made anything', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d', 0o755)
  operator.create('/f', { content: '' })
  const stranger = shard.as('stranger', ['strangers'])
  t.throws(() => stranger.create('/d/f', { content: '' }), { code: 'ACCESS_DENIED' })
  t.throws(() => stranger.create('/d/e/f', { content: '', createParents: true }), { code: 'ACCESS_DENIED' })
  t.throws(() => stranger.create('/f', { content: '' }), { code: 'ALREADY_EXISTS' })
  t.equal(shard.state.identities.find('stranger'), 0)
  shard.verify()
})

t.test('nobody lends rights of a group that he is not in through a file’s set-gid bit', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/shared', 0o2777)
  operator.chown('/shared', undefined, 'team')
  const file = shard.as('ada', ['staff']).create('/shared/f', { content: '', mode: 0o6755 })
  t.match(file, { group: 'team', mode: 0o4755 })
  t.match(shard.as('bob', ['team']).create('/shared/g', { content: '', mode: 0o2755 }), { mode: 0o2755 })
  t.match(operator.create('/shared/h', { content: '', mode: 0o2755 }), { mode: 0o2755 })
  shard.verify()
})

t.test('refuses values out of bounds', async t => {
  const { shard, operator } = openShard()
  const refusal = { code: 'INVALID_ARGUMENT', errno: 'EINVAL' }
  t.throws(() => operator.create('/f', { replication: 17 }), refusal)
  t.throws(() => operator.create('/f', { blockSize: MIB - 1 }), refusal)
  t.throws(() => operator.create('/f', { blockSize: 1024 * MIB + 1 }), refusal)
  t.throws(() => operator.create('/f', { blockSize: -1 }), refusal)
  t.throws(() => operator.create('/f', { content: Buffer.alloc(64 * 1024 + 1) }), refusal)
  t.throws(() => operator.create('/f', { ifExists: 2 }), refusal)
  t.match(operator.create('/f', { content: Buffer.alloc(64 * 1024), replication: 16 }), { size: 65_536 })
  shard.verify()
})
