import type { Extent } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { Datanodes } from '../placement/datanodes.ts'
import type { TestSession } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'
import { Rewrites } from './rewrites.ts'

const KIB = 1024
const MIB = 1024 * KIB

function open(...nodes: string[]) {
  const { shard, operator } = openShard()
  shard.addDatanodes(...nodes)
  const { state, time } = shard
  const datanodes = new Datanodes(
    time.host.clock,
    () => state.datanodes.all,
    state.meta.capabilityKey,
    () => 0,
  )
  for (const node of nodes)
    datanodes.heard(node, { capacityBytes: 1, freeBytes: 1, blocks: 0, full: false }, [])
  const rewrites = new Rewrites(time.host, state, datanodes)
  const look = (): void => time.advance(1000)
  return { shard, operator, rewrites, look, time }
}

/** A closed file of 64 KiB pieces that lie in the block in the opposite order: one extent each. */
function cutUp(operator: TestSession, path: string, pieces: number, pieceBytes = 4 * KIB): number {
  const { id } = operator.create(path)
  const blockId = operator.addBlock(id)
  const extents: Extent[] = Array.from({ length: pieces }, (_, i) => ({
    offset: i * pieceBytes,
    length: pieceBytes,
    blockId,
    blockOffset: (pieces - i) * pieceBytes,
  }))
  operator.complete(id, extents, pieces * pieceBytes)
  return id
}

t.test('a file of many pieces is given to a datanode, others are not', async t => {
  const { operator, rewrites, look } = open('n1')
  operator.createWithBlock('/whole', 10 * MIB)
  cutUp(operator, '/few', 16)
  cutUp(operator, '/large-pieces', 100, 64 * KIB)
  operator.create('/inline', { content: 'x' })
  const id = cutUp(operator, '/many', 19)
  look()
  t.equal(rewrites.pending, 1)
  t.same(rewrites.heard('n1', []), [{ inodeId: id }])
  t.same(rewrites.heard('n1', [id]), [], 'once')
  t.equal(rewrites.pending, 1)
})

t.test('a file whose blocks are mostly dead is given too', async t => {
  const { operator, rewrites, look } = open('n1')
  const { id } = operator.create('/f')
  const blockId = operator.addBlock(id)
  operator.commit(id, [{ offset: 0, length: MIB, blockId, blockOffset: 0 }], MIB)
  operator.complete(id, [{ offset: 0, length: MIB, blockId, blockOffset: 3 * MIB }], MIB)
  look()
  t.same(rewrites.heard('n1', []), [{ inodeId: id }])
  operator.truncate('/f', MIB)
  const { id: cut } = operator.createWithBlock('/cut', 10 * MIB)
  operator.truncate('/cut', MIB)
  look()
  t.same(rewrites.heard('n1', [id]), [{ inodeId: cut }])
})

t.test('an open file waits for its end', async t => {
  const { operator, rewrites, look } = open('n1')
  const id = cutUp(operator, '/f', 100)
  operator.append('/f')
  look()
  t.equal(rewrites.pending, 0)
  operator.complete(id, [], 400 * KIB)
  look()
  t.same(rewrites.heard('n1', []), [{ inodeId: id }])
})

t.test('a datanode that has the file goes first, any other after a while', async t => {
  const { operator, rewrites, look, time } = open('n1', 'n2', 'n3')
  const id = cutUp(operator, '/f', 100)
  look()
  const [first] = operator.open('/f').blocks[0]?.members ?? []
  const others = ['n1', 'n2', 'n3'].filter(node => node !== first?.nodeId)
  for (const node of others) t.same(rewrites.heard(node, []), [])
  time.advance(20_000)
  t.same(rewrites.heard(others[0] as string, []), [{ inodeId: id }])
  t.same(rewrites.heard(first?.nodeId as string, []), [])
})

t.test('what an attempt did not mend is tried again, later each time, and then left', async t => {
  const { operator, rewrites, look, time } = open('n1')
  const id = cutUp(operator, '/f', 100)
  look()
  let attempts = 0
  for (let i = 0; i < 100; i++) {
    attempts += rewrites.heard('n1', []).length
    time.advance(10_000)
  }
  t.equal(attempts, 5)
  t.equal(rewrites.pending, 0)
  operator.append('/f')
  operator.complete(id, [], 400 * KIB)
  look()
  t.same(rewrites.heard('n1', []), [{ inodeId: id }], 'its next write brings it back')
})

t.test('a datanode has few at a time, and loses them when it falls silent', async t => {
  const { operator, rewrites, look, time } = open('n1', 'n2')
  for (let i = 0; i < 6; i++) cutUp(operator, `/f${i}`, 100)
  look()
  time.advance(20_000)
  const given = rewrites.heard('n1', []).map(({ inodeId }) => inodeId)
  t.equal(given.length, 4)
  t.equal(rewrites.heard('n1', given.slice(1)).length, 1)
  t.equal(rewrites.pending, 6)
  time.advance(60_000)
  t.equal(rewrites.heard('n2', []).length, 4)
  rewrites.stop()
})

t.test('a file written while it is at work is looked at again when that is over', async t => {
  const { operator, rewrites, look, time } = open('n1')
  const id = cutUp(operator, '/f', 100)
  look()
  t.same(rewrites.heard('n1', []), [{ inodeId: id }])
  operator.append('/f')
  operator.complete(id, [], 400 * KIB)
  look()
  t.same(rewrites.heard('n1', [id]), [])
  t.same(rewrites.heard('n1', []), [])
  t.equal(rewrites.pending, 1)
  time.advance(6_000)
  t.same(rewrites.heard('n1', []), [{ inodeId: id }])
})
