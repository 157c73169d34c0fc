import { releaseOrphans, remove, rename } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'
import { passOrphans, reclaim } from './internal.ts'

const inode = (id: number): string => `/.reserved/.inodes/${id}`

t.test('an open file that loses its last name can be read and written until it is released', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/x', { content: 'hello' })
  const request = { path: '/x', recursive: false, only: 1, keepOpen: [7, id] }
  t.same(operator.write(remove, request).kept, [id])
  t.throws(() => operator.stat('/x'), { code: 'NOT_FOUND' })
  t.match(operator.stat(inode(id)), { id, nlink: 0, size: 5 })
  t.match(operator.summary('/'), { files: 0, bytes: 0 })
  t.ok(operator.create('/x', { content: 'another' }), 'the name is free')
  operator.append(inode(id))
  operator.completeInline(id, 'still here')
  t.equal(operator.stat(inode(id)).size, 10)
  operator.write(releaseOrphans, { inodeIds: [id, 12_345] })
  t.throws(() => operator.stat(inode(id)), { code: 'STALE' })
  shard.verify()
})

t.test('a file with a lease and blocks keeps both', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const { id } = operator.create('/x')
  const blockId = operator.addBlock(id)
  operator.write(remove, { path: '/x', recursive: false, only: 1, keepOpen: [id] })
  operator.complete(id, [{ offset: 0, length: 100, blockId, blockOffset: 0 }], 100)
  t.equal(operator.stat(inode(id)).size, 100)
  operator.write(releaseOrphans, { inodeIds: [id] })
  for (let left = 1; left > 0; ) left = shard.own<{ left: number }>(reclaim, { max: 10 }).left
  t.equal(shard.state.tombstones.count, 1)
  shard.verify()
})

t.test(
  'a rename over an open file keeps it too; one with other names, or not open, goes as ever',
  async t => {
    const { shard, operator } = openShard()
    const { id } = operator.create('/old', { content: 'old' })
    operator.create('/new', { content: 'new' })
    t.same(operator.write(rename, { from: '/new', to: '/old', mode: 1, keepOpen: [id] }).kept, [id])
    t.equal(operator.stat(inode(id)).nlink, 0)
    const { id: other } = operator.stat('/old')
    t.equal(
      operator.write(remove, { path: '/old', recursive: false, only: 1, keepOpen: [id] }).kept,
      undefined,
    )
    t.throws(() => operator.stat(inode(other)), { code: 'STALE' })
    shard.verify()
  },
)

t.test('orphans of a session go with it, and nobody else can release or reach them', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const ada = shard.as('ada')
  const { id } = ada.create('/x', { content: 'x', mode: 0o666 })
  ada.write(remove, { path: '/x', recursive: false, only: 1, keepOpen: [id] })
  operator.write(releaseOrphans, { inodeIds: [id] })
  t.equal(operator.stat(inode(id)).id, id, 'another session cannot release it')
  t.throws(() => shard.as('eve').stat(inode(id)), { code: 'ACCESS_DENIED' })
  t.throws(() => operator.stat('/.reserved/.inodes/3'), { code: 'STALE' })
  shard.own(passOrphans, { items: [{ inodeId: id, from: ada.clientId, to: '' }] })
  t.throws(() => operator.stat(inode(id)), { code: 'STALE' })
  shard.verify()
})
