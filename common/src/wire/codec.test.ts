import fc from 'fast-check'
import t from 'tap'
import { BLOCK_RECORDS } from '../protocol/block.ts'
import { CLUSTER_METHODS } from '../protocol/cluster.ts'
import { METADATA_METHODS } from '../protocol/metadata.ts'
import { addPrincipal, hello } from '../protocol/session.ts'
import { fileStatus } from '../protocol/types.ts'
import { randomRuns } from '../testing/random-runs.ts'
import { parseShape, type Shape } from '../testing/shape.ts'
import {
  bytes,
  type Codec,
  f64,
  flag,
  int,
  list,
  nothing,
  optional,
  record,
  text,
  u8,
  u16,
  u32,
} from './codec.ts'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

const TEXT = fc.string({ unit: 'binary', maxLength: 20 })
const PRIMITIVES: Record<string, fc.Arbitrary<unknown>> = {
  u8: fc.nat(255),
  u16: fc.nat(65_535),
  u32: fc.nat(2 ** 32 - 1),
  int: fc.maxSafeInteger(),
  f64: fc.double(),
  flag: fc.boolean(),
  text: fc.oneof(
    TEXT,
    fc.string({ maxLength: 70 }),
    fc.string({ minLength: 60, maxLength: 300, unit: 'binary' }),
  ),
  bytes: fc.uint8Array({ maxLength: 40 }).map(value => Buffer.from(value)),
}

function valuesOf(shape: string): fc.Arbitrary<unknown> {
  return arbitraryOf(parseShape(shape))
}

function arbitraryOf(shape: Shape): fc.Arbitrary<unknown> {
  if (shape.kind === 'primitive') return PRIMITIVES[shape.name] as fc.Arbitrary<unknown>
  if (shape.kind === 'optional') return fc.option(arbitraryOf(shape.inner), { nil: undefined })
  if (shape.kind === 'list') return fc.array(arbitraryOf(shape.inner), { maxLength: 4 })
  const fields = shape.fields.map(([name, field]) => [name, arbitraryOf(field)])
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true })
}

function encode<T>(codec: Codec<T>, value: T): Buffer {
  const writer = new Writer(16)
  codec.encode(writer, value)
  return writer.copy()
}

/** Decodes, and checks that all of it was read. */
function decode<T>(codec: Codec<T>, message: Buffer): T {
  const reader = new Reader(message)
  const value = codec.decode(reader)
  if (reader.remaining !== 0) throw new Error(`${reader.remaining} bytes are left`)
  return value
}

const METHODS = [hello, addPrincipal, ...METADATA_METHODS, ...CLUSTER_METHODS]
const CODECS: [string, Codec<unknown>][] = [
  ...METHODS.flatMap(({ name, request, response }): [string, Codec<unknown>][] => [
    [`${name} request`, request as Codec<unknown>],
    [`${name} response`, response as Codec<unknown>],
  ]),
  ...Object.entries(BLOCK_RECORDS)
    .filter(([name]) => name !== 'failure')
    .map(([name, codec]): [string, Codec<unknown>] => [name, codec as Codec<unknown>]),
]

t.test('every value of every message of the protocols comes back as it was', async t => {
  for (const [name, codec] of CODECS) {
    const property = fc.property(valuesOf(codec.shape), value => {
      t.strictSame(decode(codec, encode(codec, value)), value)
    })
    t.doesNotThrow(() => fc.assert(property, randomRuns(25)), name)
  }
})

t.test('the default of a missing field is a value of its type', async t => {
  for (const [name, codec] of CODECS) {
    t.strictSame(decode(codec, encode(codec, codec.missing)), codec.missing, name)
  }
})

t.test('a status is written by hand as the record of its fields would be', async t => {
  const fields = fileStatus.shape.slice(1, -1).split(',')
  const primitives: Record<string, Codec<unknown>> = { int, text, u8, u16, u32 } as never
  const same = record(
    Object.fromEntries(
      fields.map(field => {
        const [name, type] = field.split(':') as [string, string]
        return [name, primitives[type] as Codec<unknown>]
      }),
    ),
  )
  t.equal(same.shape, fileStatus.shape)
  const property = fc.property(valuesOf(same.shape), value => {
    const written = encode(fileStatus, value as never)
    t.ok(written.equals(encode(same, value as never)))
    t.strictSame(decode(fileStatus, written), value)
  })
  fc.assert(property, randomRuns(50))
})

t.test('a new reader fills fields that an old writer did not know', async t => {
  const before = record({ a: int, inner: record({ x: u8 }), last: text })
  const after = record({
    a: int,
    inner: record({ x: u8, y: list(u16) }),
    last: text,
    more: optional(text),
    flagged: flag,
    deep: record({ n: f64, z: bytes }),
  })
  const old = { a: 5, inner: { x: 7 }, last: 'z' }
  t.strictSame(decode(after, encode(before, old)), {
    a: 5,
    inner: { x: 7, y: [] },
    last: 'z',
    more: undefined,
    flagged: false,
    deep: { n: 0, z: Buffer.alloc(0) },
  })
})

t.test('an old reader skips fields of a new writer, also in the middle of a list', async t => {
  const before = list(record({ a: u8 }))
  const after = list(record({ a: u8, b: list(text), c: record({ d: int }) }))
  const value = [1, 2, 3].map(a => ({ a, b: ['x', 'yz'.repeat(a)], c: { d: a } }))
  t.strictSame(decode(before, encode(after, value)), [{ a: 1 }, { a: 2 }, { a: 3 }])
  const emptied = record({ m: nothing, n: u8 })
  t.strictSame(decode(emptied, encode(record({ m: record({ k: text }), n: u8 }), { m: { k: 'x' }, n: 9 })), {
    m: {},
    n: 9,
  })
})

t.test('a message cut anywhere is refused by name, or is an older message', async t => {
  for (const [name, codec] of CODECS) {
    const [value] = fc.sample(valuesOf(codec.shape), { numRuns: 1, seed: 7 })
    const whole = encode(codec, value)
    for (let length = 0; length < whole.length; length++) {
      const refusal = { code: 'BAD_FRAME' }
      if (whole.length > 400 && length % 7 !== 0) continue
      t.throws(() => decode(codec, whole.subarray(0, length)), refusal, `${name} cut to ${length}`)
    }
  }
})

t.test('any bytes at all decode, or are refused by name, without taking much memory', async t => {
  const property = fc.property(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(CODECS.length - 1),
    (noise, which) => {
      const [, codec] = CODECS[which] as [string, Codec<unknown>]
      try {
        codec.decode(new Reader(Buffer.from(noise)))
      } catch (error) {
        const { code } = error as { code?: string }
        if (code !== 'BAD_FRAME' && code !== 'INVALID_NAME') throw error
      }
    },
  )
  t.doesNotThrow(() => fc.assert(property, randomRuns(5000)))
})

t.test('a list or a blob that claims more than its message holds is refused before it is made', async t => {
  const claim = Buffer.alloc(8)
  claim.writeUInt32LE(0xffff_fff0)
  for (const codec of [list(u8), list(nothing), bytes, list(list(u8))]) {
    t.throws(() => (codec as Codec<unknown>).decode(new Reader(claim)), { code: 'BAD_FRAME' }, codec.shape)
  }
})

t.test('whole numbers are whole and exact', async t => {
  for (const value of [0, 1, -1, 2 ** 31, -(2 ** 31), 2 ** 53 - 1, -(2 ** 53) + 1]) {
    t.equal(decode(int, encode(int, value)), value)
  }
  for (const value of [0.5, 2 ** 53, -(2 ** 53), Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => decode(int, encode(f64, value)), { code: 'BAD_FRAME' }, `${value}`)
  }
})
