import fc from 'fast-check'
import t from 'tap'
import { decodeAcl, encodeAcl } from './acl-value.ts'
import { ProtocolError } from './message-reader.ts'

t.test('an ACL has the bytes that the kernel gives and takes', async t => {
  const value = encodeAcl([
    { tag: 1, rights: 6, id: undefined },
    { tag: 2, rights: 4, id: 1000 },
  ])
  t.equal(value.toString('hex'), '0200000001000600ffffffff02000400e8030000')
  t.same(decodeAcl(value), [
    { tag: 1, rights: 6, id: undefined },
    { tag: 2, rights: 4, id: 1000 },
  ])
  t.same(decodeAcl(encodeAcl([])), [])
})

t.test('anything else is refused and never read beyond', async t => {
  for (const hex of ['', '020000', '01000000', '0200000001', '0200000001000600ffffff']) {
    t.throws(() => decodeAcl(Buffer.from(hex, 'hex')), /ACL/, hex)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      const value = Buffer.concat([Buffer.from([2, 0, 0, 0]), bytes])
      if (bytes.length % 8 === 0) return encodeAcl(decodeAcl(value)).equals(value)
      try {
        decodeAcl(value)
        return false
      } catch (error) {
        return error instanceof ProtocolError && error.errno === 'EINVAL'
      }
    }),
  )
  t.pass('whatever its length')
})
