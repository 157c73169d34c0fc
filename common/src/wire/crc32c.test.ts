import t from 'tap'
import { crc32c } from './crc32c.ts'

t.test('gives the check values of RFC 3720, B.4', async t => {
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff)), 0x62a8ab43)
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, i) => i))), 0x46dd794e)
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
})

t.test('goes on from an earlier value', async t => {
  const whole = Buffer.from('the quick brown fox')
  for (let at = 0; at <= whole.length; at++) {
    t.equal(crc32c(whole.subarray(at), crc32c(whole.subarray(0, at))), crc32c(whole))
  }
})
