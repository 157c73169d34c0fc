import { randomBytes } from 'node:crypto'
import { createConnection, type Socket } from 'node:net'
import { BLOCK_FRAME, encodePreface, readRequest } from '@hopbine/common/protocol/block.ts'
import { CAPABILITY_MODE, mintCapability } from '@hopbine/common/protocol/capability.ts'
import t from 'tap'
import { TempDatanode, until } from '../testing/temp-datanode.ts'

const MIB = 1024 * 1024

t.test('a wrong, expired, revoked or missing capability opens nothing', async t => {
  const temp = await TempDatanode.start(t)
  await temp.hold(100, Buffer.alloc(10))
  await temp.hold(101, Buffer.alloc(10))
  const peer = await temp.peer()
  const now = Math.floor(Date.now() / 1000)
  const good = temp.locate(100)
  const stranger = mintCapability(randomBytes(32), {
    blockId: 100,
    generation: 1,
    group: 7,
    mode: 3,
    principal: 'x',
    expirySeconds: now + 60,
    epoch: 1,
  })
  const bad = {
    empty: { ...good, capability: Buffer.alloc(0) },
    noise: { ...good, capability: randomBytes(80) },
    'of a stranger': { ...good, capability: stranger },
    'for another block': { ...good, capability: temp.locate(101).capability },
    'for another group': { ...good, group: 8 },
    'for another generation': { ...good, generation: 2 },
    expired: temp.locate(100, { expirySeconds: now - 1 }),
    'for writing only': temp.locate(100, { mode: 2 }),
    revoked: temp.locate(100, { epoch: 0 }),
  }
  for (const [what, block] of Object.entries(bad)) {
    await t.rejects(peer.read(block), { code: 'BAD_CAPABILITY' }, what)
    if (what !== 'for writing only') await t.rejects(peer.stat(block), { code: 'BAD_CAPABILITY' }, what)
  }
  await t.rejects(peer.open(temp.locate(100, { mode: 1 }), -1), { code: 'BAD_CAPABILITY' })
  await t.rejects(peer.list(good.capability, 0, 10), { code: 'BAD_CAPABILITY' })
  t.equal((await peer.read(good)).length, 10, 'the connection serves on')
  temp.namenode.capabilityEpoch = 2
  const beats = temp.namenode.heartbeats.length
  await until(() => temp.namenode.heartbeats.length > beats + 1)
  await t.rejects(peer.read(good), { code: 'BAD_CAPABILITY' }, 'a raised epoch revokes')
  peer.close()
})

t.test('a missing block and a range beyond its end are named failures', async t => {
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(200, Buffer.alloc(1000))
  const peer = await temp.peer()
  await t.rejects(peer.read(temp.locate(201)), { code: 'BLOCK_NOT_FOUND' })
  await t.rejects(peer.stat(temp.locate(201)), { code: 'BLOCK_NOT_FOUND' })
  await t.rejects(peer.read(block, 999, 2), { code: 'BLOCK_NOT_FOUND', details: { length: 1000 } })
  await t.rejects(peer.read(block, -1, 2), { code: 'INVALID_ARGUMENT' })
  await t.rejects(peer.read(block, 0, -2), { code: 'INVALID_ARGUMENT' })
  t.equal((await peer.read(block, 1000, 0)).length, 0)
  t.equal((await peer.read(block, 998, 2)).length, 2)
  peer.close()
})

t.test('garbage and oversized frames end the connection that sent them, and no other', async t => {
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(300, Buffer.alloc(1000, 3))
  const peer = await temp.peer()
  const header = (headBytes: number, dataBytes: number, kind: number): Buffer => {
    const bytes = Buffer.alloc(16)
    bytes.writeUInt32LE(headBytes, 0)
    bytes.writeUInt32LE(dataBytes, 4)
    bytes.writeUInt8(kind, 8)
    bytes.writeUInt32LE(1, 12)
    return bytes
  }
  const preface = encodePreface()
  const future = Buffer.from(preface)
  future.writeUInt16LE(900, 4)
  future.writeUInt16LE(800, 6)
  const hostile: Record<string, Buffer> = {
    noise: randomBytes(100_000),
    'an HTTP request': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
    'a version to come': future,
    'a huge head': Buffer.concat([preface, header(2 ** 31, 0, BLOCK_FRAME.read)]),
    'huge data': Buffer.concat([preface, header(0, 2 ** 31, BLOCK_FRAME.write)]),
    'an unknown kind': Buffer.concat([preface, header(0, 0, 99)]),
    'an empty head': Buffer.concat([preface, header(0, 0, BLOCK_FRAME.read)]),
    'a lying head': Buffer.concat([
      preface,
      header(4, 0, BLOCK_FRAME.read),
      Buffer.from([255, 255, 255, 255]),
    ]),
    'data without a write': Buffer.concat([preface, header(0, 1000, BLOCK_FRAME.packet), randomBytes(1000)]),
  }
  for (const [what, bytes] of Object.entries(hostile)) {
    const socket = createConnection(temp.datanode.address)
    socket.on('error', () => socket.destroy())
    socket.resume()
    socket.write(bytes)
    await ended(socket)
    t.equal((await peer.read(block)).length, 1000, what)
  }
  peer.close()
})

t.test('bytes that come one at a time are understood, and random cuts never crash the port', async t => {
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(400, Buffer.alloc(10, 4))
  const peer = await temp.peer()
  const seed = Number(process.env.SEED ?? Date.now() % 100_000)
  t.comment(`seed ${seed}`)
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
  for (let round = 0; round < 50; round++) {
    const socket = createConnection(temp.datanode.address)
    socket.on('error', () => socket.destroy())
    const bytes = Buffer.concat([encodePreface(), randomBytes(random(200))])
    // Small numbers in the right places get further than noise.
    for (let at = 8; at < bytes.length; at++) if (random(3) > 0) bytes[at] = random(9)
    for (const byte of bytes) socket.write(Buffer.from([byte]))
    await new Promise(resolve => setTimeout(resolve, 2))
    socket.destroy()
  }
  t.equal((await peer.read(block)).length, 10)
  peer.close()
})

t.test('a second request before the first is answered ends the connection', async t => {
  const temp = await TempDatanode.start(t)
  const { capability, blockId, generation, group } = await temp.hold(500, randomBytes(8 * MIB))
  const peer = await temp.peer()
  const request = { capability, blockId, generation, group, offset: 0, length: -1 }
  for (let count = 0; count < 2; count++) peer.say(BLOCK_FRAME.read, readRequest, request)
  await until(() => peer.ended !== undefined)
  const other = await temp.peer()
  t.equal((await other.read(temp.locate(500))).length, 8 * MIB)
  other.close()
})

t.test('a reader that does not read costs four megabytes, not the block', async t => {
  const temp = await TempDatanode.start(t)
  const { capability, blockId, generation, group } = await temp.hold(600, randomBytes(64 * MIB))
  await temp.restart()
  const before = process.memoryUsage().arrayBuffers
  const peers = await Promise.all(Array.from({ length: 8 }, () => temp.peer()))
  for (const peer of peers) {
    peer.channel.pause()
    peer.say(BLOCK_FRAME.read, readRequest, { capability, blockId, generation, group, offset: 0, length: -1 })
  }
  await new Promise(resolve => setTimeout(resolve, 500))
  const grown = process.memoryUsage().arrayBuffers - before
  t.ok(grown < 8 * 4.5 * MIB, `${grown} bytes for 8 readers`)
  for (const peer of peers) peer.close()
  const other = await temp.peer()
  t.equal((await other.read(temp.locate(600))).length, 64 * MIB)
  other.close()
})

t.test('an admin capability lists the blocks in pages, in order of id', async t => {
  const temp = await TempDatanode.start(t)
  const ids = [31, 7, 1030, 263, 519, 2 ** 52]
  for (const blockId of ids) await temp.hold(blockId, Buffer.alloc(blockId % 100))
  const open = await temp.peer()
  await open.open(temp.locate(900, { group: 12 }), 0)
  open.push(Buffer.alloc(55))
  await open.acknowledged()
  const admin = { blockId: 0, generation: 0, group: 0, mode: CAPABILITY_MODE.admin }
  const { capability } = temp.namenode.locate(0, [], admin)
  const peer = await temp.peer()
  const listed = []
  for (let after = 0; ; ) {
    const page = await peer.list(capability, after, 3)
    listed.push(...page)
    if (page.length === 0) break
    after = page.at(-1)?.blockId ?? 0
  }
  const sealed = ids.map(blockId => ({ blockId, group: 7, length: blockId % 100, sealed: true }))
  const expected = [...sealed, { blockId: 900, group: 12, length: 55, sealed: false }]
    .sort((left, right) => left.blockId - right.blockId)
    .map(block => ({ ...block, quarantined: false }))
  t.same(listed, expected)
  for (const one of [open, peer]) one.close()
})

function ended(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('close', () => resolve()))
}
