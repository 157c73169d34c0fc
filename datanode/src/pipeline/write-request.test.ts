import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer } from 'node:net'
import { BLOCK_FRAME, packet, progress, ready } from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress } from '@hopbine/common/protocol/types.ts'
import { BlockChannel } from '@hopbine/common/rpc/block-channel.ts'
import { chunkCrcs } from '@hopbine/common/wire/chunk-crc.ts'
import { nothing } from '@hopbine/common/wire/codec.ts'
import t, { type Test } from 'tap'
import { TempDatanode, until } from '../testing/temp-datanode.ts'

const MIB = 1024 * 1024
const KIB64 = 64 * 1024

t.test('bytes of any length and packet size come back, whole and in part', async t => {
  const temp = await TempDatanode.start(t)
  const reader = await temp.peer()
  t.teardown(async () => reader.close())
  let blockId = 1000
  for (const length of [1, 4095, KIB64 - 1, KIB64, KIB64 + 1, MIB, 3 * MIB + 77]) {
    for (const packetBytes of [MIB, KIB64 + 13]) {
      const bytes = randomBytes(length)
      const peer = await temp.peer()
      const block = temp.locate(blockId++)
      t.same(await peer.open(block, 0), { length: 0, tailCrc: 0, sealed: false })
      peer.push(bytes, packetBytes)
      await peer.acknowledged()
      t.ok((await reader.read(block)).equals(bytes), `${length} bytes from the open block`)
      t.equal(await peer.seal(), length)
      t.ok((await peer.read(block)).equals(bytes), `${length} bytes from the sealed block`)
      const ranges = [
        [0, 1],
        [length - 1, length],
        [length >> 1, length],
        [length >> 2, length >> 1],
        [length, length],
      ] as const
      for (const [from, to] of ranges) {
        const part = await peer.read(block, from, to - from)
        t.ok(part.equals(bytes.subarray(from, to)), `bytes ${from} to ${to} of ${length}`)
      }
      t.same(await peer.stat(block), { length, syncedLength: length, generation: 1, sealed: true })
      peer.close()
    }
  }
})

t.test('many small appends make one block, and a reader beside sees a growing prefix', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(2000)
  const writer = await temp.peer()
  const reader = await temp.peer()
  await writer.open(block, 0)
  const bytes = randomBytes(700 * 1000)
  for (let at = 0; at < bytes.length; at += 1000) {
    writer.push(bytes.subarray(at, at + 1000))
    if (at % 50_000 !== 0) continue
    await writer.acknowledged()
    const { length } = await reader.stat(block)
    t.equal(length, at + 1000)
    t.ok((await reader.read(block, 0, length)).equals(bytes.subarray(0, length)))
  }
  t.equal(await writer.seal(), bytes.length)
  t.ok((await reader.read(block)).equals(bytes))
  writer.close()
  reader.close()
})

t.test('a stream that ended goes on in another connection where the copy ends', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(2100)
  const bytes = randomBytes(200_000)
  const first = await temp.peer()
  await first.open(block, 0)
  first.push(bytes.subarray(0, 90_001))
  t.equal(await first.finish(), 90_001)
  t.equal((await first.open(block, -1)).length, 90_001, 'the same connection serves the next request')
  first.push(bytes.subarray(90_001, 150_000))
  await first.acknowledged()
  first.close()
  const second = await temp.peer()
  t.equal((await second.open(block, 150_000)).length, 150_000)
  second.push(bytes.subarray(150_000))
  await second.seal()
  t.ok((await second.read(block)).equals(bytes))
  second.close()
})

t.test('a newer writer takes the block over, and the older one is told', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(2200)
  const older = await temp.peer()
  await older.open(block, 0)
  older.push(Buffer.alloc(1000, 1))
  await older.acknowledged()
  const newer = await temp.peer()
  t.equal((await newer.open(block, -1)).length, 1000)
  await t.rejects(older.sync(), { code: 'LEASE_LOST' })
  newer.push(Buffer.alloc(10, 2))
  t.equal(await newer.seal(), 1010)
  newer.close()
})

t.test('an unsynced tail is cut to where the writer goes on; synced bytes never', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(2300)
  const bytes = randomBytes(300_000)
  const peer = await temp.peer()
  await peer.open(block, 0)
  peer.push(bytes.subarray(0, 100_000))
  await peer.sync()
  peer.push(bytes.subarray(100_000, 250_000))
  await peer.finish()
  await t.rejects(peer.open(block, 99_999), { code: 'INVALID_ARGUMENT', details: { syncedLength: 100_000 } })
  await t.rejects(peer.open(block, 250_001), { code: 'BLOCK_NOT_FOUND', details: { length: 250_000 } })
  t.equal((await peer.open(block, 180_000)).length, 180_000)
  peer.push(bytes.subarray(180_000))
  await peer.seal()
  t.ok((await peer.read(block)).equals(bytes))
  peer.close()
})

t.test('a sealed block takes no byte, and sealing it again says its length', async t => {
  const temp = await TempDatanode.start(t)
  const block = await temp.hold(2400, Buffer.alloc(5000, 7))
  const peer = await temp.peer()
  t.match(await peer.open(block, -1), { length: 5000, sealed: true })
  t.equal(await peer.seal(), 5000)
  await t.rejects(peer.open(block, 100), { code: 'INVALID_ARGUMENT' })
  await peer.open(block, 5000)
  peer.push(Buffer.alloc(1))
  await t.rejects(peer.acknowledged(), { code: 'INVALID_ARGUMENT' })
  t.equal((await (await temp.peer()).read(block)).length, 5000)
})

t.test('a seal at another length than the block has is refused', async t => {
  const temp = await TempDatanode.start(t)
  const peer = await temp.peer()
  await peer.open(temp.locate(2450), 0)
  peer.push(Buffer.alloc(100))
  await t.rejects(peer.seal(99), { code: 'INVALID_ARGUMENT' })
})

t.test('a writer of an older generation is refused once a newer one wrote', async t => {
  const temp = await TempDatanode.start(t)
  const peer = await temp.peer()
  await peer.open(temp.locate(2500, { generation: 4 }), 0)
  peer.push(Buffer.alloc(100))
  await peer.finish()
  await t.rejects(peer.open(temp.locate(2500, { generation: 3 }), -1), { code: 'STALE' })
  t.equal((await peer.open(temp.locate(2500, { generation: 5 }), -1)).length, 100)
  peer.close()
})

t.test('a packet damaged on the way is never acknowledged nor served', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(2600)
  const peer = await temp.peer()
  await peer.open(block, 0)
  const bytes = randomBytes(100_000)
  const crcs = chunkCrcs(bytes, 0, 0)
  bytes[70_000] = (bytes[70_000] ?? 0) ^ 1
  peer.say(BLOCK_FRAME.packet, packet, { offset: 0, crcs }, bytes)
  await t.rejects(peer.acknowledged(), { code: 'CORRUPT' })
  const reader = await temp.peer()
  t.equal((await reader.read(block)).length, 0)
  reader.close()
})

t.test('a chain writes the same bytes at every member and is as durable as its tail', async t => {
  const head = await TempDatanode.start(t)
  const middle = await TempDatanode.start(t, {}, head.namenode)
  const tail = await TempDatanode.start(t, {}, head.namenode)
  const all = [head, middle, tail]
  const members = all.map(temp => temp.member)
  const bytes = randomBytes(5 * MIB + 123)
  const block = head.namenode.locate(3000, members)
  const peer = await head.peer()
  await peer.open(block, 0)
  peer.push(bytes.subarray(0, 2 * MIB + 5))
  await peer.acknowledged()
  for (const temp of all) {
    const reader = await temp.peer()
    t.equal((await reader.stat(block)).length, 2 * MIB + 5, 'acknowledged by the last means written by all')
    reader.close()
  }
  t.equal(await peer.sync(), 2 * MIB + 5)
  peer.push(bytes.subarray(2 * MIB + 5), 333_333)
  t.equal(await peer.finish(), bytes.length)
  t.equal((await peer.open(block, bytes.length)).length, bytes.length)
  t.equal(await peer.seal(), bytes.length)
  for (const temp of all) {
    const reader = await temp.peer()
    t.match(await reader.stat(block), { syncedLength: bytes.length, sealed: true })
    t.ok((await reader.read(block)).equals(bytes))
    reader.close()
  }
  peer.close()
})

t.test('a chain whose member fails ends the write and names the member', async t => {
  const head = await TempDatanode.start(t)
  const tail = await TempDatanode.start(t, {}, head.namenode)
  const block = head.namenode.locate(3100, [head.member, tail.member])
  const peer = await head.peer()
  await peer.open(block, 0)
  peer.push(Buffer.alloc(3 * MIB, 1))
  await peer.acknowledged()
  const tailId = tail.datanode.nodeId
  await tail.datanode.stop()
  peer.push(Buffer.alloc(MIB, 2))
  await t.rejects(peer.sync(), { code: 'UNAVAILABLE', details: { nodeId: tailId } })
  const again = await head.peer()
  await t.rejects(again.open(block, 3 * MIB), { code: 'UNAVAILABLE', details: { nodeId: tailId } })
  const alone = head.namenode.locate(3100, [head.member])
  t.equal(
    (await again.open(alone, 3 * MIB)).length,
    3 * MIB,
    'the head goes on alone from what was acknowledged',
  )
  t.equal(await again.seal(), 3 * MIB)
  again.close()
})

t.test('a writer that goes while its chain owes a sync leaves the block to the next one', async t => {
  const head = await TempDatanode.start(t)
  const silent = await silentMember(t)
  const peer = await head.peer()
  await peer.open(head.namenode.locate(3120, [head.member, silent.member]), 0)
  peer.push(Buffer.alloc(1000, 1))
  peer.say(BLOCK_FRAME.sync, nothing, {})
  await until(() => silent.kinds.includes(BLOCK_FRAME.sync))
  peer.close()
  const next = await head.peer()
  const { length } = await next.open(head.namenode.locate(3120, [head.member]), -1)
  t.equal(length, 1000)
  t.equal(await next.seal(), 1000)
  next.close()
  await head.datanode.stop()
})

/** Takes a block and never answers anything but `ready`. */
async function silentMember(t: Test): Promise<{ member: DatanodeAddress; kinds: number[] }> {
  const kinds: number[] = []
  const server = createServer({ pauseOnConnect: true }, socket => {
    const channel = BlockChannel.accept(socket, {
      frame: (kind, request, _head, dataBytes) => {
        kinds.push(kind)
        const answer = { length: 0, tailCrc: 0, sealed: false }
        if (kind === BLOCK_FRAME.write) channel.send(BLOCK_FRAME.ready, request, ready, answer)
        return dataBytes > 0 ? Buffer.alloc(dataBytes) : undefined
      },
      landed: () => undefined,
      closed: () => undefined,
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', () => resolve()))
  t.teardown(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { member: { nodeId: 'silent', host: '127.0.0.1', port }, kinds }
}

t.test('a block that could not be begun along its chain leaves nothing behind', async t => {
  const head = await TempDatanode.start(t)
  const tail = await TempDatanode.start(t, {}, head.namenode)
  const block = head.namenode.locate(3150, [head.member, tail.member])
  await tail.datanode.stop()
  const peer = await head.peer()
  for (let count = 0; count < 3; count++) await t.rejects(peer.open(block, 0), { code: 'UNAVAILABLE' })
  await t.rejects(peer.stat(block), { code: 'BLOCK_NOT_FOUND' })
  const alone = head.namenode.locate(3150, [head.member])
  await peer.open(alone, 0)
  peer.push(Buffer.alloc(10))
  t.equal(await peer.seal(), 10)
  peer.close()
})

t.test('of many writers that open one block at once exactly one goes on', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(3180)
  const first = await temp.peer()
  await first.open(block, 0)
  first.push(Buffer.alloc(300_000, 1))
  await first.acknowledged()
  const peers = await Promise.all(Array.from({ length: 12 }, () => temp.peer()))
  const opened = await Promise.allSettled(peers.map(peer => peer.open(block, 200_000)))
  const synced = await Promise.allSettled(
    peers.map(async (peer, index) => {
      const opening = opened[index]
      if (opening?.status === 'rejected') throw opening.reason
      peer.push(Buffer.alloc(50_000, index + 2))
      return peer.sync()
    }),
  )
  const winners = synced.flatMap((result, index) => (result.status === 'fulfilled' ? [index] : []))
  t.equal(winners.length, 1)
  for (const result of synced) {
    if (result.status === 'rejected') t.match(result.reason, { code: 'LEASE_LOST' })
  }
  const reader = await temp.peer()
  const bytes = await reader.read(block)
  t.ok(bytes.equals(Buffer.concat([Buffer.alloc(200_000, 1), Buffer.alloc(50_000, (winners[0] ?? 0) + 2)])))
  for (const peer of [first, reader, ...peers]) peer.close()
})

t.test('a chain member with another tail is found before a byte is written', async t => {
  const head = await TempDatanode.start(t)
  const tail = await TempDatanode.start(t, {}, head.namenode)
  const alone = tail.namenode.locate(3200, [tail.member])
  const other = await tail.peer()
  await other.open(alone, 0)
  other.push(Buffer.alloc(100, 9))
  await other.finish()
  const peer = await head.peer()
  await peer.open(head.namenode.locate(3200, [head.member]), 0)
  peer.push(Buffer.alloc(100, 1))
  await peer.finish()
  const both = head.namenode.locate(3200, [head.member, tail.member])
  await t.rejects(peer.open(both, 100), { code: 'CORRUPT', details: { nodeId: tail.datanode.nodeId } })
  t.equal((await peer.read(alone, 0, 0)).length, 0, 'the copy of the head is still served')
  for (const one of [peer, other]) one.close()
})

t.test('a disk that is slower than the writer stops the writer, not the memory', async t => {
  const temp = await TempDatanode.start(t)
  const peer = await temp.peer()
  await peer.open(temp.locate(3300), 0)
  const megabyte = randomBytes(MIB)
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  for (let count = 0; count < 128; count++) {
    peer.push(megabyte)
    await until(() => peer.channel.unsentBytes < 2 * MIB)
    most = Math.max(most, process.memoryUsage().arrayBuffers - before)
  }
  t.equal(await peer.sync(), 128 * MIB)
  t.ok(most < 24 * MIB, `${most} bytes at most for both ends`)
  peer.close()
})

t.test('a sync that arrives with its packets is answered once, for both', async t => {
  const temp = await TempDatanode.start(t)
  const block = temp.locate(2900)
  const writer = await temp.peer()
  const reader = await temp.peer()
  await writer.open(block, 0)
  const bytes = randomBytes(3 * 5000)
  for (let at = 0; at < bytes.length; at += 5000) {
    writer.channel.together(() => {
      writer.push(bytes.subarray(at, at + 5000), 2500)
      writer.say(BLOCK_FRAME.sync, nothing, {})
    })
    const { head } = await writer.hear(BLOCK_FRAME.synced, progress)
    t.equal(head.length, at + 5000, 'no acknowledgement was heard before')
    t.match(await reader.stat(block), { length: at + 5000, syncedLength: at + 5000 })
  }
  t.equal(await writer.seal(), bytes.length)
  t.ok((await reader.read(block)).equals(bytes))
  writer.close()
  reader.close()
})

t.test('packets and their sync along a chain are on every disk when it is answered', async t => {
  const head = await TempDatanode.start(t)
  const tail = await TempDatanode.start(t, {}, head.namenode)
  const block = head.namenode.locate(2901, [head.member, tail.member])
  const writer = await head.peer()
  await writer.open(block, 0)
  const bytes = randomBytes(200_000)
  for (let at = 0; at < bytes.length; at += 50_000) {
    let synced: Promise<number> | undefined
    writer.channel.together(() => {
      writer.push(bytes.subarray(at, at + 50_000), 20_000)
      synced = writer.sync()
    })
    t.equal(await synced, at + 50_000)
    for (const temp of [head, tail]) {
      const reader = await temp.peer()
      t.match(await reader.stat(block), { length: at + 50_000, syncedLength: at + 50_000 })
      reader.close()
    }
  }
  writer.close()
})
