import { ERRORS } from '@hopbine/common/base/errors.ts'
import { writeInline } from '@hopbine/common/protocol/directory-leases.ts'
import { FLAG } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { queued, TestQueue } from '../testing/test-queue.ts'
import { openShard } from '../testing/test-shard.ts'

function openLeased() {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  const top = operator.mkdir('/top').id
  const session = shard.operator()
  const large = session.createWithBlock('/top/large', 100_000)
  const queue = new TestQueue(session, 'a'.repeat(32))
  t.ok(queue.acquire(top).granted)
  return { shard, operator, queue, top, large: large.id }
}

t.test('the whole content is replaced, and so is what it counts for', t => {
  const { shard, operator, queue, top } = openLeased()
  const file = queue.create(top, 'f', 'first')
  queue.apply(file)
  const { generation } = operator.stat('/top/f')
  queue.apply(queue.writeInline(file.inodeId, 'second one'))
  t.equal(operator.open('/top/f').inline?.toString(), 'second one')
  const changed = { size: 10, flags: FLAG.inline, generation: generation + 1 }
  t.match(operator.stat('/top/f'), changed)
  t.match(operator.summary('/top'), { bytes: 100_010 })
  queue.apply(queue.writeInline(file.inodeId, ''))
  t.match(operator.stat('/top/f'), { size: 0, flags: 0 })
  t.same(operator.open('/top/f').extents, [])
  t.match(shard.events().at(-1), { what: 'writeInline', name: 'f', size: 0 })
  shard.verify()
  t.end()
})

t.test('a file of blocks becomes a small one, and its blocks go', t => {
  const { shard, operator, queue, large } = openLeased()
  queue.apply(queue.writeInline(large, 'small'))
  t.equal(operator.open('/top/large').inline?.toString(), 'small')
  t.equal(shard.state.tombstones.count, 1)
  t.match(operator.summary('/top'), { bytes: 5, diskBytes: 5 })
  shard.verify()
  t.end()
})

t.test('every name of the file counts it', t => {
  const { shard, operator, queue, top } = openLeased()
  const [directory, file] = [queue.mkdir(top, 'd'), queue.create(top, 'f', '')]
  queue.apply(directory, file, queue.link(file.inodeId, directory.inodeId, 'g'))
  queue.apply(queue.writeInline(file.inodeId, 'seven b'))
  t.match(operator.summary('/top/d'), { bytes: 7 })
  t.match(operator.summary('/top'), { bytes: 100_014 })
  shard.verify()
  t.end()
})

t.test('the right to write was asked at open: a file may be read-only by now', t => {
  const { shard, operator, queue, top } = openLeased()
  operator.chmod('/top', 0o777)
  queue.principals = [...queue.principals, { user: 'ada', groups: ['ada'], superuser: false }]
  const file = queue.create(top, 'f', '', { principal: 1 })
  queue.apply(file, queue.chmod(`/.reserved/.inodes/${file.inodeId}`, 0o444))
  queue.apply({ ...queue.writeInline(file.inodeId, 'object'), principal: 1 })
  t.match(operator.stat('/top/f'), { size: 6, mode: 0o444, owner: 'ada' })
  shard.verify()
  t.end()
})

t.test('what is no closed small file of the queue is refused', t => {
  const wrong: Record<string, (q: ReturnType<typeof openLeased>) => [number, Uint8Array]> = {
    LEASE_CONFLICT: ({ queue, large }) => {
      queue.session.append('/top/large')
      return [large, Buffer.from('x')]
    },
    STALE: () => [2 ** 40, Buffer.from('x')],
    INVALID_ARGUMENT: ({ large }) => [large, Buffer.alloc(64 * 1024 + 1)],
    LEASE_LOST: ({ operator }) => [operator.create('/elsewhere', { content: '' }).id, Buffer.from('x')],
  }
  for (const [code, make] of Object.entries(wrong)) {
    const leased = openLeased()
    const [inodeId, inline] = make(leased)
    const { failed } = leased.queue.send([queued(writeInline, { inodeId, inline })])
    t.equal(failed?.code, ERRORS[code as 'STALE'].wire, code)
    leased.shard.verify()
  }
  const { shard, queue, top } = openLeased()
  const directory = queue.mkdir(top, 'd')
  queue.apply(directory)
  t.match(queue.send([queue.writeInline(directory.inodeId, 'x')]), {
    failed: { code: ERRORS.INVALID_ARGUMENT.wire },
  })
  shard.verify()
  t.end()
})
