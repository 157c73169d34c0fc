import { randomBytes } from 'node:crypto'
import t from 'tap'
import { CHECKSUM_CHUNK_BYTES } from '../base/limits.ts'
import { BufferPool, SharedBuffer } from './buffer-pool.ts'
import { chunkCrcs, chunkRest, chunkStart, chunksTouched, firstBadChunk } from './chunk-crc.ts'
import { crc32c } from './crc32c.ts'

const CHUNK = CHECKSUM_CHUNK_BYTES

t.test('crc32c is Castagnoli, as RFC 3720 gives it', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.from('6789'), crc32c(Buffer.from('12345'))), 0xe3069283)
})

t.test('ranges are cut where chunks end', async t => {
  t.equal(chunksTouched(5, 0), 0)
  t.equal(chunksTouched(CHUNK - 1, 1), 1)
  t.equal(chunksTouched(CHUNK - 1, 2), 2)
  t.equal(chunksTouched(0, 16 * CHUNK), 16)
  t.equal(chunksTouched(1, 16 * CHUNK), 17)
  t.same([chunkStart(0), chunkStart(CHUNK - 1), chunkStart(CHUNK)], [0, 0, CHUNK])
  t.same([chunkRest(0), chunkRest(CHUNK - 1), chunkRest(CHUNK)], [CHUNK, 1, CHUNK])
})

t.test('checksums continued over any pieces are those of the whole chunks', async t => {
  const block = randomBytes(3 * CHUNK + 500)
  const whole = chunkCrcs(block, 0, 0)
  t.equal(whole.length, 4)
  const grown: number[] = []
  let tail = 0
  for (let at = 0, step = 1; at < block.length; at += step, step = (step * 31) % 90_001) {
    const piece = block.subarray(at, at + step)
    const crcs = chunkCrcs(piece, at, tail)
    t.equal(firstBadChunk(piece, at, tail, crcs), -1)
    for (const [index, crc] of crcs.entries()) grown[Math.floor(at / CHUNK) + index] = crc
    const end = at + piece.length
    tail = chunkStart(end) === end ? 0 : (crcs.at(-1) as number)
  }
  t.same(grown, whole)
})

t.test('the first piece with a changed bit is named', async t => {
  const bytes = randomBytes(2 * CHUNK)
  const crcs = chunkCrcs(bytes, 100, 0)
  for (const [position, index] of [
    [0, 0],
    [CHUNK - 101, 0],
    [CHUNK - 100, 1],
    [2 * CHUNK - 1, 2],
  ] as const) {
    bytes[position] = (bytes[position] ?? 0) ^ 2
    t.equal(firstBadChunk(bytes, 100, 0, crcs), index)
    bytes[position] = (bytes[position] ?? 0) ^ 2
  }
})

t.test('a pool hands out what it was given, in two sizes, and refuses strangers', async t => {
  const pool = new BufferPool()
  const small = pool.take(1)
  const large = pool.take(CHUNK + 1)
  t.same([small.length, large.length], [CHUNK, 16 * CHUNK])
  pool.give(small)
  pool.give(large)
  t.equal(pool.take(CHUNK), small)
  t.equal(pool.take(16 * CHUNK), large)
  t.not(pool.take(CHUNK), small)
  t.throws(() => pool.take(16 * CHUNK + 1))
  t.throws(() => pool.give(Buffer.alloc(10)))
})

t.test('shared memory goes back when the last holder lets go, and not again', async t => {
  const pool = new BufferPool()
  const shared = new SharedBuffer(pool, CHUNK)
  shared.hold()
  shared.letGo()
  t.not(pool.take(CHUNK), shared.memory)
  shared.letGo()
  t.equal(pool.take(CHUNK), shared.memory)
  t.equal(pool.made, 2)
  t.throws(() => shared.letGo())
  t.throws(() => shared.hold())
})
