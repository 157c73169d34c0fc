import { SET_ACL, setAcl } from '@hopbine/common/protocol/acl.ts'
import { BATCH_OPERATIONS_MAX, LEASE_ENTRIES_MAX } from '@hopbine/common/protocol/directory-leases.ts'
import { create } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { inodePath, queued, TestQueue } from '../testing/test-queue.ts'
import { openShard } from '../testing/test-shard.ts'

const QUEUE = 'a'.repeat(32)
const OTHER = 'b'.repeat(32)

t.test('a grant brings everything in the directory, and ids', t => {
  const { shard, operator } = openShard()
  const { id } = operator.mkdir('/d', 0o750)
  operator.create('/d/file', { content: 'abc' })
  operator.mkdir('/d/sub')
  operator.symlink('/d/link', 'file')
  operator.create('/far', { content: 'x' })
  const queue = new TestQueue(shard.operator(), QUEUE)
  const grant = queue.acquire(id, 50)
  t.match(grant, { granted: true, reason: '', ids: 50, quotaRoot: 0, status: { id, name: 'd', mode: 0o750 } })
  t.same(grant.entries, operator.page('/d').entries)
  t.equal(shard.state.leases.holderOf(id)?.queueId, QUEUE)
  const again = queue.acquire(id, 50)
  t.ok(again.granted && again.firstId >= grant.firstId + 50, 'again brings other ids')
  t.ok(operator.mkdir('/later').id >= again.firstId + 50)
  shard.verify()
  t.end()
})

t.test('a refusal is an answer that says why and when to ask again', t => {
  const { shard, operator } = openShard()
  const [above, id] = [operator.mkdir('/above').id, operator.mkdir('/above/d').id]
  const below = operator.mkdir('/above/d/below').id
  const [queue, other] = [new TestQueue(shard.operator(), QUEUE), new TestQueue(shard.operator(), OTHER)]
  const refused = (reason: RegExp) => {
    const answer = queue.acquire(id)
    t.match(answer, { granted: false, reason, entries: [], ids: 0 })
    t.ok(answer.retryMs > 0)
    shard.verify()
  }
  for (const held of [above, id, below]) {
    t.ok(other.acquire(held).granted)
    refused(/another queue holds/)
    other.apply(other.release(held))
  }
  shard.leaseRefusal = { reason: 'it was recalled lately', retryMs: 5000 }
  t.match(queue.acquire(id), { granted: false, ...shard.leaseRefusal })
  shard.leaseRefusal = { reason: '', retryMs: 0 }
  const rights = [7, 5, 0].map((bits, i) => ({ tag: [1, 4, 32][i] as number, name: '', rights: bits }))
  operator.write(setAcl, { path: '/above/d', how: SET_ACL.replace, default: rights })
  refused(/ACL/)
  operator.write(setAcl, { path: '/above/d', how: SET_ACL.replace, default: [] })
  const file = operator.create('/above/d/f')
  refused(/another session writes/)
  operator.completeInline(file.id, 'x')
  const own = queue.session.create('/above/d/g')
  t.match(queue.acquire(id), { granted: true, entries: [{ name: 'below' }, { name: 'f' }, { id: own.id }] })
  shard.verify()
  t.end()
})

t.test('only directories are leased, and only to superusers', t => {
  const { shard, operator } = openShard()
  const file = operator.create('/f', { content: '' })
  const queue = new TestQueue(shard.operator(), QUEUE)
  t.throws(() => queue.acquire(file.id), { code: 'STALE' })
  t.throws(() => queue.acquire(2 ** 50), { code: 'STALE' })
  t.throws(() => queue.acquire(1, 65_537), { code: 'INVALID_ARGUMENT' })
  queue.session = shard.as('ada')
  t.throws(() => queue.acquire(1), { code: 'NOT_PERMITTED' })
  queue.session = operator
  const { id } = operator.mkdir('/d')
  operator.mkdir('/d/e')
  operator.remove('/d', true)
  t.match(queue.acquire(id), { granted: false, reason: /removed/ })
  t.equal(queue.acquire(1).granted, true)
  shard.verify()
  t.end()
})

t.test('a directory with too much in it is not leased', t => {
  const { shard, operator } = openShard()
  const wide = operator.mkdir('/wide').id
  const queue = new TestQueue(shard.operator(), QUEUE)
  t.ok(queue.acquire(wide, 20_000).granted)
  const request = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
  const inline = Buffer.alloc(0)
  const fill = (parent: number, prefix: string, count: number) => {
    for (let i = 0; i < count; i += BATCH_OPERATIONS_MAX) {
      const batch = Array.from({ length: BATCH_OPERATIONS_MAX }, (_, n) => {
        const path = inodePath(parent, `${prefix}${i + n}`)
        return queued(create, { path, ...request, inline }, { inodeId: queue.nextId() })
      })
      queue.apply(...batch)
    }
    queue.apply(queue.release(parent))
  }
  fill(wide, 'f', LEASE_ENTRIES_MAX + 1)
  t.match(queue.acquire(wide), { granted: false, reason: /entries/ })
  t.equal(shard.state.leases.count, 0)
  const long = operator.mkdir('/long').id
  t.ok(queue.acquire(long, 20_000).granted)
  fill(long, 'ä'.repeat(120), 12_800)
  t.match(queue.acquire(long), { granted: false, reason: /message/ })
  shard.verify()
  t.end()
})
