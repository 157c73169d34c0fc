import { createUnnamed, link, releaseOrphans } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('a file is made without a name and gets one, with everything that is in it', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d', 0o2775)
  operator.chown('/d', 'ada', 'crew')
  const before = operator.stat('/d')
  const { status } = operator.write(createUnnamed, { directory: '/d', mode: 0o666, umask: 0o022 })
  t.match(status, { nlink: 0, size: 0, mode: 0o644, group: 'crew' })
  t.match(operator.stat('/d'), { children: 0, mtime: before.mtime, ctime: before.ctime })
  const path = `/.reserved/.inodes/${status.id}`
  t.equal(operator.stat(path).nlink, 0)
  shard.time.advance(5_000)
  const named = operator.write(link, { from: path, to: '/d/f' }).status
  t.match(named, { id: status.id, nlink: 1, name: 'f', mode: 0o644, ctime: status.ctime + 5 })
  t.match(operator.stat('/d'), { children: 1 })
  t.match(shard.events().at(-1), { what: 'link', name: 'f' })
  operator.write(link, { from: path, to: '/second' })
  t.equal(operator.stat('/d/f').nlink, 2)
  operator.write(releaseOrphans, { inodeIds: [status.id] })
  t.equal(operator.stat('/d/f').id, status.id, 'what has a name stays')
  shard.verify()
})

t.test('what never got a name goes when its session gives it up', async t => {
  const { shard, operator } = openShard()
  const { status } = operator.write(createUnnamed, { directory: '/', mode: 0o600 })
  operator.write(releaseOrphans, { inodeIds: [status.id] })
  t.throws(() => operator.stat(`/.reserved/.inodes/${status.id}`), { code: 'STALE' })
  shard.verify()
})

t.test('only the session that has it open may name it, where the caller may write', async t => {
  const { shard, operator } = openShard()
  const { status } = operator.write(createUnnamed, { directory: '/', mode: 0o666 })
  const from = `/.reserved/.inodes/${status.id}`
  const ada = shard.as('ada')
  t.throws(() => ada.write(link, { from, to: '/f' }), { code: 'ACCESS_DENIED' })
  t.throws(() => operator.write(link, { from, to: '/none/f' }), { code: 'NOT_FOUND' })
  operator.create('/taken', { content: '' })
  t.throws(() => operator.write(link, { from, to: '/taken' }), { code: 'ALREADY_EXISTS' })
  t.equal(operator.stat(from).nlink, 0)
  shard.verify()
})

t.test('needs a directory, the right to write into it, and room for a name', async t => {
  const { shard, operator } = openShard()
  operator.create('/file', { content: '' })
  operator.mkdir('/closed', 0o755)
  operator.mkdir('/full')
  operator.setQuota('/full', 1)
  const make = (session: typeof operator, directory: string) =>
    session.write(createUnnamed, { directory, mode: 0o600 })
  t.throws(() => make(operator, '/file'), { code: 'NOT_A_DIRECTORY' })
  t.throws(() => make(operator, '/none'), { code: 'NOT_FOUND' })
  t.throws(() => make(shard.as('ada'), '/closed'), { code: 'ACCESS_DENIED' })
  t.throws(() => make(operator, '/full'), { code: 'QUOTA_EXCEEDED' })
  shard.verify()
})
