import t from 'tap'
import { Reader } from './reader.ts'
import { Writer } from './writer.ts'

function written(body: (writer: Writer) => void): Reader {
  const writer = new Writer(1)
  body(writer)
  return new Reader(writer.copy())
}

t.test('texts of any length and script come back', async t => {
  const texts = ['', 'a', 'x'.repeat(63), 'x'.repeat(64), 'x'.repeat(65), 'ä', `${'x'.repeat(63)}ä`]
  texts.push('漢字'.repeat(100), '\u{1f600}'.repeat(40), '\ufffd', 'a\ufffdb', 'x'.repeat(65_535), '\0')
  for (const text of texts) t.equal(written(writer => writer.text(text)).text(), text)
})

t.test('a text over 65,535 bytes cannot be written', async t => {
  const writer = new Writer()
  t.throws(() => writer.text('x'.repeat(65_536)), { name: 'RangeError' })
  t.throws(() => writer.text('ä'.repeat(32_768)), { name: 'RangeError' })
})

t.test('bytes that are not UTF-8 are refused by name', async t => {
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80]]) {
    const reader = written(writer => {
      writer.u16(bytes.length)
      writer.raw(Buffer.from(bytes))
    })
    t.throws(() => reader.text(), { code: 'INVALID_NAME', errno: 'EINVAL' }, bytes.join(' '))
  }
})

t.test('half of a surrogate pair is written as the replacement character', async t => {
  t.equal(written(writer => writer.text('a\ud800b')).text(), 'a\ufffdb')
})

t.test('nothing is read past the end, of the message or of a part of it', async t => {
  const reader = written(writer => writer.u32(7))
  const outer = reader.enter(2)
  t.throws(() => reader.u32(), { code: 'BAD_FRAME' })
  t.throws(() => reader.f64(), { code: 'BAD_FRAME' })
  t.equal(reader.u16(), 7)
  t.throws(() => reader.u8(), { code: 'BAD_FRAME' })
  reader.leave(outer)
  t.equal(reader.remaining, 2)
  t.throws(() => reader.enter(3), { code: 'BAD_FRAME' })
  t.equal(reader.u16(), 0)
})

t.test('a reader of a part of a buffer keeps to it', async t => {
  const reader = new Reader(Buffer.from([9, 9, 1, 2, 9, 9]), 2, 4)
  t.same([reader.u8(), reader.u8()], [1, 2])
  t.throws(() => reader.u8(), { code: 'BAD_FRAME' })
})

t.test('a writer grows as needed, keeps what was written, and forgets from a place on', async t => {
  const writer = new Writer(1)
  for (let i = 0; i < 1000; i++) writer.u32(i)
  const start = writer.position
  writer.raw(Buffer.alloc(100_000, 3))
  t.equal(writer.copyFrom(start).length, 100_000)
  writer.rewind(start)
  writer.patchU32(0, 99)
  const reader = new Reader(writer.view())
  t.equal(reader.u32(), 99)
  for (let i = 1; i < 1000; i++) t.equal(reader.u32(), i)
  t.equal(reader.remaining, 0)
})
