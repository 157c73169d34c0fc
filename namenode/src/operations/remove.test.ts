import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { REMOVE } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('takes files, links and empty directories away and says what they held', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '12345', replication: 2 })
  operator.symlink('/l', 'f')
  operator.mkdir('/d')
  t.match(operator.remove('/f'), { files: 1, directories: 0, bytes: 5 })
  t.match(operator.remove('/l'), { files: 1, directories: 0, bytes: 1 })
  t.match(operator.remove('/d'), { files: 0, directories: 1, bytes: 0 })
  t.match(operator.summary('/'), { files: 0, directories: 1, bytes: 0, diskBytes: 0 })
  t.same(operator.names('/'), [])
  t.throws(() => operator.stat('/f'), { code: 'NOT_FOUND' })
  t.match(shard.events().slice(-3), [
    { what: 'remove', name: 'f', parentId: 1, size: 5, kind: 1 },
    { what: 'remove', name: 'l', kind: 3 },
    { what: 'remove', name: 'd', kind: 2 },
  ])
  shard.verify()
})

t.test('a link is removed, not what it leads to', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/d/in')
  operator.symlink('/l', '/d')
  operator.remove('/l', true)
  operator.remove('/d/in')
  t.same(operator.names('/'), ['d'])
  shard.verify()
})

t.test('a tree goes only when asked for, at once and whole', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/d/a/b')
  operator.create('/d/a/f', { content: '123', replication: 2 })
  t.throws(() => operator.remove('/d'), { code: 'NOT_EMPTY', errno: 'ENOTEMPTY' })
  t.match(operator.remove('/d', true), { files: 1, directories: 3, bytes: 3 })
  t.match(operator.summary('/'), { files: 0, directories: 1, bytes: 0, diskBytes: 0 })
  t.match(operator.stat('/'), { children: 0, nlink: 2 })
  t.throws(() => operator.stat('/d/a/f'), { code: 'NOT_FOUND' })
  const { directories: d } = shard.state
  t.equal(d.children[d.slotOf(RECLAIM_INODE)], 1, 'it waits for reclaim as one row')
  operator.mkdir('/d')
  t.same(operator.names('/d'), [], 'the name is free at once')
  shard.verify()
})

t.test('a name and bytes under a quota are free at once', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/q')
  operator.setQuota('/q', 4, 6)
  operator.mkdir('/q/d')
  operator.create('/q/d/f', { content: '123456' })
  operator.create('/q/g', { content: '' })
  t.throws(() => operator.mkdir('/q/e'), { code: 'NAME_QUOTA_EXCEEDED' })
  operator.remove('/q/d', true)
  operator.mkdir('/q/e')
  operator.create('/q/h', { content: '123456' })
  shard.verify()
})

t.test('the kind can be demanded', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.create('/f', { content: '' })
  operator.symlink('/l', '/d')
  t.throws(() => operator.remove('/d', true, REMOVE.file), { code: 'IS_A_DIRECTORY', errno: 'EISDIR' })
  t.throws(() => operator.remove('/f', false, REMOVE.directory), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => operator.remove('/l', false, REMOVE.directory), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => operator.remove('/f', false, 3), { code: 'INVALID_ARGUMENT' })
  operator.remove('/d', false, REMOVE.directory)
  operator.remove('/f', false, REMOVE.file)
  operator.remove('/l', false, REMOVE.file)
  shard.verify()
})

t.test('the root stays, and what is not there cannot go', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  t.throws(() => operator.remove('/', true), { code: 'NOT_PERMITTED' })
  t.throws(() => operator.remove('/none'), { code: 'NOT_FOUND' })
  t.throws(() => operator.remove('/f/x'), { code: 'NOT_A_DIRECTORY' })
  shard.verify()
})

t.test('needs write permission on the directory, and on a tree that is not empty', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/closed', 0o755)
  operator.create('/closed/f', { content: '', mode: 0o777 })
  operator.mkdir('/open', 0o777)
  operator.mkdirs('/open/mine/in')
  operator.mkdir('/open/empty', 0o700)
  const ada = shard.as('ada')
  t.throws(() => ada.remove('/closed/f'), { code: 'ACCESS_DENIED' })
  t.throws(() => ada.remove('/open/mine', true), { code: 'ACCESS_DENIED' })
  ada.remove('/open/empty')
  operator.chmod('/open/mine', 0o777)
  ada.remove('/open/mine', true)
  t.same(operator.names('/open'), [])
  shard.verify()
})

t.test('in a sticky directory only the owner of the entry or of the directory removes', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/tmp', 0o1777)
  operator.chown('/tmp', 'carl')
  const [ada, bob, carl] = [shard.as('ada'), shard.as('bob'), shard.as('carl')]
  for (const name of ['1', '2', '3']) ada.create(`/tmp/${name}`, { content: '' })
  ada.mkdir('/tmp/d', 0o777)
  t.throws(() => bob.remove('/tmp/1'), { code: 'NOT_PERMITTED', errno: 'EPERM' })
  t.throws(() => bob.remove('/tmp/d'), { code: 'NOT_PERMITTED' })
  ada.remove('/tmp/1')
  carl.remove('/tmp/2')
  operator.remove('/tmp/3')
  shard.verify()
})

t.test('a removed file’s writer has lost it, and its blocks become tombstones by and by', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const writer = shard.operator()
  const { id } = writer.create('/f')
  const blockId = writer.addBlock(id)
  writer.commit(id, [{ offset: 0, length: 10, blockId, blockOffset: 0 }], 10)
  operator.remove('/f')
  t.throws(() => writer.complete(id, [], 10), { code: 'LEASE_LOST' })
  t.throws(() => operator.open(`/.reserved/.inodes/${id}`), { code: 'STALE' })
  t.match(operator.summary('/'), { files: 0, bytes: 0 })
  shard.verify()
})
