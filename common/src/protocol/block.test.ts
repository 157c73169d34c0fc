import { createHash } from 'node:crypto'
import t from 'tap'
import { agreedVersion, BLOCK_FRAME, BLOCK_RECORDS, BLOCK_VERSION, encodePreface } from './block.ts'

t.test('the protocol changes only together with its version', async t => {
  const shapes = Object.entries(BLOCK_RECORDS).map(([name, { shape }]) => `${name} ${shape}`)
  const kinds = Object.entries(BLOCK_FRAME).map(([name, kind]) => `${name} ${kind}`)
  const digest = createHash('sha256')
    .update([...shapes, ...kinds].join('\n'))
    .digest('hex')
    .slice(0, 16)
  t.same(
    [BLOCK_VERSION, digest],
    [1, 'f6661295467fdf05'],
    'append fields, add a version line, then note the new digest',
  )
})

t.test('each side agrees on the lower of the newest versions, or refuses', async t => {
  t.equal(encodePreface().subarray(0, 4).toString(), 'HBLK')
  t.equal(agreedVersion(encodePreface()), BLOCK_VERSION)
  const newer = Buffer.from(encodePreface())
  newer.writeUInt16LE(9, 4)
  t.equal(agreedVersion(newer), BLOCK_VERSION)
  newer.writeUInt16LE(8, 6)
  t.throws(() => agreedVersion(newer), { code: 'VERSION_MISMATCH' })
  t.throws(() => agreedVersion(Buffer.from('GET / HT')), { code: 'BAD_FRAME' })
})
