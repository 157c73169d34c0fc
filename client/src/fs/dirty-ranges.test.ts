import { BufferPool } from '@hopbine/common/wire/buffer-pool.ts'
import fc from 'fast-check'
import t from 'tap'
import { DirtyRanges } from './dirty-ranges.ts'

const MIB = 1024 * 1024

t.test('small writes in order share pieces', async t => {
  const dirty = new DirtyRanges(new BufferPool())
  for (let i = 0; i < 1000; i++) dirty.write(i * 100, Buffer.alloc(100, i % 256))
  t.equal(dirty.bytes, 100_000)
  t.ok(dirty.isContiguous)
  t.ok(dirty.count < 5, `${dirty.count} pieces`)
})

t.test('the bytes given may be changed afterwards', async t => {
  const dirty = new DirtyRanges(new BufferPool())
  const bytes = Buffer.from('before')
  dirty.write(5, bytes)
  bytes.fill('x')
  const target = Buffer.alloc(6)
  dirty.readInto(target, 5)
  t.equal(target.toString(), 'before')
})

t.test('a cut forgets what lies behind it', async t => {
  const dirty = new DirtyRanges(new BufferPool())
  dirty.write(0, Buffer.alloc(10, 1))
  dirty.write(20, Buffer.alloc(10, 2))
  dirty.cut(5)
  t.equal(dirty.bytes, 5)
  t.equal(dirty.end, 5)
  t.notOk(dirty.covers(0, 6))
})

t.test('large pieces end where megabytes of the file end, and lie in memory that is used again', async t => {
  const pool = new BufferPool()
  const part = Buffer.alloc(192 * 1024, 1)
  for (let round = 0; round < 3; round++) {
    const dirty = new DirtyRanges(pool)
    for (let at = 0; at + part.length <= 4 * MIB; at += part.length) dirty.write(at, part)
    const pieces = [...dirty.pieces()]
    t.ok(pieces.slice(1).every(({ shared }) => shared !== undefined))
    t.same(
      pieces.filter(({ offset }) => offset % MIB === 0).map(({ offset }) => offset),
      [0, MIB, 2 * MIB, 3 * MIB],
    )
    dirty.hold()
    dirty.letGo()
    t.equal(dirty.count, pieces.length, 'a reader that goes leaves them')
    dirty.letGo()
    t.equal(dirty.memoryBytes, 0)
  }
  t.ok(pool.made <= 5, `${pool.made} buffers made`)
})

t.test('a few bytes written in order take little memory, many take little more than they are', async t => {
  const dirty = new DirtyRanges(new BufferPool())
  const bytes = Buffer.alloc(4096)
  const memoryAt: number[] = []
  for (let at = 0; at < 4 * MIB; at += bytes.length) {
    dirty.write(at, bytes)
    memoryAt.push(dirty.memoryBytes)
  }
  t.ok((memoryAt[0] ?? 0) <= 4096)
  t.ok((memoryAt[(100 * 1024) / 4096] ?? 0) <= 192 * 1024, `${memoryAt[(100 * 1024) / 4096]} for 100 KiB`)
  t.ok((memoryAt.at(-1) ?? 0) <= 5.5 * MIB, `${memoryAt.at(-1)} for 4 MiB`)
})

t.test('short runs here and there take no megabytes', async t => {
  const dirty = new DirtyRanges(new BufferPool())
  const bytes = Buffer.alloc(4096)
  for (let run = 0; run < 200; run++) {
    for (let at = 0; at < 4; at++) dirty.write(run * MIB + at * bytes.length, bytes)
  }
  t.equal(dirty.bytes, 200 * 4 * 4096)
  t.ok(dirty.memoryBytes <= 200 * 68 * 1024, `${dirty.memoryBytes} for 200 runs of 16 KiB`)
})

const action = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    offset: fc.nat(300),
    length: fc.integer({ min: 1, max: 80 }),
  }),
  fc.record({ kind: fc.constant('cut' as const), offset: fc.nat(300), length: fc.constant(0) }),
)

t.test('any sequence of writes and cuts reads like the same on an array', async t => {
  const property = fc.property(fc.array(action, { maxLength: 40 }), actions => {
    const dirty = new DirtyRanges(new BufferPool())
    const model = new Map<number, number>()
    for (const [step, { kind, offset, length }] of actions.entries()) {
      if (kind === 'cut') {
        dirty.cut(offset)
        for (const at of model.keys()) if (at >= offset) model.delete(at)
      } else {
        dirty.write(offset, Buffer.alloc(length, step + 1))
        for (let i = 0; i < length; i++) model.set(offset + i, step + 1)
      }
    }
    const expected = Buffer.alloc(400)
    for (const [at, value] of model) expected[at] = value
    const found = Buffer.alloc(400)
    dirty.readInto(found, 0)
    const pieced = Buffer.alloc(400)
    let end = 0
    for (const piece of dirty.pieces()) {
      if (piece.offset < end) return false
      end = piece.offset + piece.bytes.length
      pieced.set(piece.bytes, piece.offset)
    }
    return dirty.bytes === model.size && found.equals(expected) && pieced.equals(expected)
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})
