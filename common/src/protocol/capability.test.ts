import { createHmac, randomBytes } from 'node:crypto'
import t from 'tap'
import { type CapabilityFields, checkCapability, mintCapability } from './capability.ts'

const key = randomBytes(32)
const fields: CapabilityFields = {
  blockId: 2 ** 52 + 17,
  generation: 3,
  group: 42,
  mode: 3,
  principal: 'meb10000__änna',
  expirySeconds: 1_800_000_060,
  epoch: 5,
}
const demand = { blockId: fields.blockId, generation: 3, mode: 1, nowSeconds: 1_800_000_000, epochMin: 5 }

t.test('a minted capability is accepted and says what it allows', async t => {
  t.same(checkCapability(key, mintCapability(key, fields), demand), fields)
})

t.test('the signature is HMAC-SHA256 of everything before it', async t => {
  const minted = mintCapability(key, fields)
  const message = minted.subarray(0, minted.length - 32)
  t.ok(createHmac('sha256', key).update(message).digest().equals(minted.subarray(message.length)))
})

t.test('a change of any one bit, another key and any cut are refused', async t => {
  const minted = mintCapability(key, fields)
  for (let bit = 0; bit < minted.length * 8; bit++) {
    const forged = Buffer.from(minted)
    forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    t.throws(() => checkCapability(key, forged, demand), { code: 'BAD_CAPABILITY' })
  }
  t.throws(() => checkCapability(randomBytes(32), minted, demand), { code: 'BAD_CAPABILITY' })
  for (let bytes = 0; bytes < minted.length; bytes++) {
    t.throws(() => checkCapability(key, minted.subarray(0, bytes), demand), { code: 'BAD_CAPABILITY' })
  }
  t.throws(() => checkCapability(key, randomBytes(5000), demand), { code: 'BAD_CAPABILITY' })
})

t.test('time, epoch, mode, block and generation must fit', async t => {
  const minted = mintCapability(key, { ...fields, mode: 1 })
  const refusals = [
    { nowSeconds: fields.expirySeconds },
    { epochMin: 6 },
    { mode: 2 },
    { mode: 3 },
    { mode: 4 },
    { blockId: 17 },
    { generation: 4 },
  ]
  for (const change of refusals) {
    t.throws(() => checkCapability(key, minted, { ...demand, ...change }), { code: 'BAD_CAPABILITY' })
  }
  t.ok(checkCapability(key, minted, { ...demand, nowSeconds: fields.expirySeconds - 1 }))
})
