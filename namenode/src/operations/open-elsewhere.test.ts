import { endSession, releaseOrphans, remove, rename } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'
import { passOrphans, reclaim } from './internal.ts'
import { UNKNOWN_OWNER } from './open-elsewhere.ts'

const inode = (id: number): string => `/.reserved/.inodes/${id}`
const unlink = (path: string) => ({ path, recursive: false, only: 1, keepOpen: undefined })

function two() {
  const { shard, operator } = openShard()
  const [a, b] = [shard.operator(), shard.operator()]
  const open = (inodeId: number, ...sessions: { clientId: string }[]): void => {
    for (const { clientId } of sessions) shard.openFiles.open(inodeId, clientId)
  }
  return { shard, operator, a, b, open }
}

t.test('what another session has open outlives its last name until all have closed it', async t => {
  const { shard, operator, a, b, open } = two()
  const { id } = operator.create('/x', { content: 'hello' })
  open(id, a, b)
  t.equal(operator.write(remove, unlink('/x')).kept, undefined, 'not for the one who removed it')
  t.throws(() => operator.stat('/x'), { code: 'NOT_FOUND' })
  t.match(operator.stat(inode(id)), { nlink: 0, size: 5 })
  shard.openFiles.close(id, a.clientId)
  a.write(releaseOrphans, { inodeIds: [id] })
  t.match(operator.stat(inode(id)), { nlink: 0 }, 'the other one has it now')
  shard.openFiles.close(id, b.clientId)
  b.write(releaseOrphans, { inodeIds: [id] })
  t.throws(() => operator.stat(inode(id)), { code: 'STALE' })
  shard.verify()
})

t.test('renamed over, and overwritten by create', async t => {
  const { shard, operator, a, open } = two()
  const one = operator.create('/one', { content: '1' })
  operator.create('/new', { content: 'new' })
  open(one.id, a)
  operator.write(rename, { from: '/new', to: '/one', mode: 1, keepOpen: undefined })
  t.match(operator.stat(inode(one.id)), { nlink: 0, size: 1 })
  const { id } = operator.stat('/one')
  open(id, a)
  operator.create('/one', { content: 'four', ifExists: 1 })
  t.match(operator.stat(inode(id)), { nlink: 0, size: 3 })
  t.match(operator.summary('/'), { files: 1, bytes: 4 })
  operator.write(endSession, { clientId: a.clientId })
  for (const gone of [one.id, id]) t.throws(() => operator.stat(inode(gone)), { code: 'STALE' })
  shard.verify()
})

t.test('a writer goes on writing into what has no name', async t => {
  const { shard, operator, a, open } = two()
  shard.addDatanodes('n1')
  const { id } = a.create('/x')
  open(id, a)
  const blockId = a.addBlock(id)
  operator.write(remove, unlink('/x'))
  a.complete(id, [{ offset: 0, length: 100, blockId, blockOffset: 0 }], 100)
  t.match(operator.stat(inode(id)), { nlink: 0, size: 100 })
  shard.own(passOrphans, { items: [{ inodeId: id, from: a.clientId, to: '' }] })
  for (let left = 1; left > 0; ) left = shard.own<{ left: number }>(reclaim, { max: 10 }).left
  t.equal(shard.state.tombstones.count, 1)
  shard.verify()
})

t.test('where the leader cannot see what a name will stand for, all that may be open is kept', async t => {
  const { shard, operator, a, open } = two()
  const old = operator.create('/old', { content: 'o' })
  open(old.id, a)
  const fresh = operator.create('/fresh', { content: 'f' })
  // The command was prepared when nothing had the name, and finds something.
  const { openFiles } = shard
  const elsewhere = { inodeId: 0, owner: '', newest: openFiles.newest(operator.clientId), within: [] }
  shard.propose(remove, { request: unlink('/old'), elsewhere }, operator)
  shard.propose(remove, { request: unlink('/fresh'), elsewhere }, operator)
  t.match(operator.stat(inode(old.id)), { nlink: 0 })
  t.throws(() => operator.stat(inode(fresh.id)), { code: 'STALE' }, 'newer than anything that is open')
  shard.own(passOrphans, { items: [{ inodeId: old.id, from: UNKNOWN_OWNER, to: a.clientId }] })
  a.write(releaseOrphans, { inodeIds: [old.id] })
  t.throws(() => operator.stat(inode(old.id)), { code: 'STALE' })
  shard.verify()
})

t.test('a tree goes without what others have open in it', async t => {
  const { shard, operator, a, open } = two()
  operator.mkdirs('/d/e')
  const kept = operator.create('/d/e/x', { content: 'hello' })
  const other = operator.create('/d/y', { content: 'y' })
  const outside = operator.create('/z', { content: 'z' })
  open(kept.id, a)
  open(outside.id, a)
  operator.write(remove, { path: '/d', recursive: true, only: 0, keepOpen: undefined })
  t.match(operator.stat(inode(kept.id)), { nlink: 0, size: 5 })
  t.throws(() => operator.stat(inode(other.id)), { code: 'STALE' })
  t.match(operator.stat('/z'), { nlink: 1 })
  for (let left = 1; left > 0; ) left = shard.own<{ left: number }>(reclaim, { max: 10 }).left
  t.match(operator.summary('/'), { files: 1, bytes: 1 })
  a.write(releaseOrphans, { inodeIds: [kept.id] })
  t.throws(() => operator.stat(inode(kept.id)), { code: 'STALE' })
  shard.verify()
})
