import fc from 'fast-check'
import t from 'tap'
import { randomRuns } from '../testing/random-runs.ts'
import { FrameCutter } from './frame.ts'

function frameOf(payload: Uint8Array): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32LE(payload.length)
  return Buffer.concat([length, payload])
}

/** What a cutter tells of a stream that comes in these pieces. */
function cut(stream: Buffer, pieces: readonly number[], cutter = new FrameCutter(1000)): string[] {
  const told: string[] = []
  let at = 0
  for (let i = 0; at < stream.length; i++) {
    const end = Math.min(stream.length, at + (pieces[i % pieces.length] as number))
    cutter.push(Buffer.from(stream.subarray(at, end)), reader => {
      const body = Buffer.alloc(reader.remaining)
      for (let k = 0; k < body.length; k++) body[k] = reader.u8()
      told.push(body.toString('hex'))
    })
    at = end
  }
  return told
}

t.test('the same frames come out however the stream is cut into chunks', async t => {
  const property = fc.property(
    fc.array(fc.uint8Array({ minLength: 8, maxLength: 60 }), { maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 }),
    (payloads, pieces) => {
      const stream = Buffer.concat(payloads.map(frameOf))
      const wanted = payloads.map(payload => Buffer.from(payload).toString('hex'))
      t.strictSame(cut(stream, pieces), wanted)
      t.strictSame(cut(stream, [1]), wanted, 'byte by byte')
    },
  )
  fc.assert(property, randomRuns(200))
})

t.test('a receiver that stops anywhere gets every frame once when it goes on', async t => {
  const property = fc.property(
    fc.array(fc.uint8Array({ minLength: 8, maxLength: 40 }), { maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 8 }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 9 }),
    (payloads, pieces, stops) => {
      const stream = Buffer.concat(payloads.map(frameOf))
      const told: number[] = []
      const cutter = new FrameCutter(1000)
      const receive = (reader: { readonly remaining: number }): boolean => {
        told.push(reader.remaining)
        return stops[told.length % stops.length] as boolean
      }
      for (let at = 0, i = 0; at < stream.length; i++) {
        const end = Math.min(stream.length, at + (pieces[i % pieces.length] as number))
        cutter.push(stream.subarray(at, end), receive)
        at = end
      }
      for (let i = 0; cutter.isWaiting && i < 50; i++) cutter.push(Buffer.alloc(0), receive)
      t.strictSame(
        told,
        payloads.map(payload => payload.length),
      )
    },
  )
  fc.assert(property, randomRuns(200))
})

t.test('a frame of the largest size passes, one byte more ends it before anything is gathered', async t => {
  t.equal(cut(frameOf(Buffer.alloc(1000)), [77]).length, 1)
  const claim = Buffer.alloc(4)
  for (const size of [1001, 2 ** 31, 2 ** 32 - 1]) {
    claim.writeUInt32LE(size)
    for (const pieces of [[4], [1], [3]]) {
      t.throws(() => cut(claim, pieces), { code: 'FRAME_TOO_LARGE', errno: 'EMSGSIZE' }, `${size} ${pieces}`)
    }
  }
})

t.test('a frame too short for any header is refused', async t => {
  for (let size = 0; size < 8; size++) {
    for (const pieces of [[100], [1], [3]]) {
      t.throws(() => cut(frameOf(Buffer.alloc(size)), pieces), { code: 'BAD_FRAME' }, `${size} ${pieces}`)
    }
  }
})

t.test('frames before a bad one are told', async t => {
  const good = frameOf(Buffer.alloc(8, 1))
  const told: number[] = []
  const cutter = new FrameCutter(1000)
  const bad = Buffer.concat([good, good, Buffer.from([255, 255, 255, 255])])
  t.throws(() => cutter.push(bad, reader => told.push(reader.remaining)), { code: 'FRAME_TOO_LARGE' })
  t.same(told, [8, 8])
})
