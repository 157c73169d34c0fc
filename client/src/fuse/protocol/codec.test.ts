/** The codec against messages written by hand, and against garbage. */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { ENTRY_BYTES, IN_HEADER_BYTES, OPCODE, type OperationName, OUT_HEADER_BYTES } from './constants.ts'
import { decodeHeader, decodeRequest } from './decode.ts'
import * as encode from './encode.ts'
import { ProtocolError } from './message-reader.ts'
import { negotiate } from './negotiate.ts'
import type { Request } from './request.ts'

const seed = randomInt(2 ** 31)
t.comment(`seed ${seed}`)

function message(name: OperationName, body: Buffer, unique = 6, nodeId = 1): Buffer {
  const header = Buffer.alloc(IN_HEADER_BYTES)
  header.writeUInt32LE(IN_HEADER_BYTES + body.length, 0)
  header.writeUInt32LE(OPCODE[name], 4)
  header.writeBigUInt64LE(BigInt(unique), 8)
  header.writeBigUInt64LE(BigInt(nodeId), 16)
  header.writeUInt32LE(1000, 24)
  header.writeUInt32LE(1001, 28)
  header.writeUInt32LE(4321, 32)
  return Buffer.concat([header, body])
}

function decoded(bytes: Buffer): Request | undefined {
  const header = decodeHeader(bytes)
  return header === undefined ? undefined : decodeRequest(header, bytes)
}

function numbers(...fields: Array<readonly [bits: 32 | 64, value: number]>): Buffer {
  return Buffer.concat(
    fields.map(([bits, value]) => {
      const field = Buffer.alloc(bits / 8)
      if (bits === 32) field.writeUInt32LE(value)
      else field.writeBigInt64LE(BigInt(value))
      return field
    }),
  )
}

t.test('requests come out as the kernel wrote them', async t => {
  t.match(decoded(message('lookup', Buffer.from('grün\0'), 8, 77)), {
    header: { unique: 8, nodeId: 77, uid: 1000, gid: 1001, pid: 4321 },
    name: 'lookup',
    body: { name: 'grün' },
  })
  const written = Buffer.from('content')
  const write = numbers([64, 5], [64, 2 ** 40], [32, 7], [32, 1], [64, -1], [32, 2], [32, 0])
  t.match(decoded(message('write', Buffer.concat([write, written]))), {
    name: 'write',
    body: { handle: 5, offset: 2 ** 40, writeFlags: 1, data: written },
  })
  const rename = Buffer.concat([numbers([64, 9], [32, 2], [32, 0]), Buffer.from('a\0b\0')])
  t.match(decoded(message('rename2', rename)), {
    body: { newParent: 9, flags: 2, name: 'a', newName: 'b' },
  })
  const forget = numbers([32, 2], [32, 0], [64, 10], [64, 1], [64, 11], [64, 3])
  t.match(decoded(message('batchForget', forget)), {
    body: {
      nodes: [
        { nodeId: 10, lookups: 1 },
        { nodeId: 11, lookups: 3 },
      ],
    },
  })
  const times = numbers([32, 16 + 32], [32, 0], [64, 0], [64, 0], [64, 0], [64, -5], [64, 2 ** 33], [64, 0])
  const rest = numbers([32, 7], [32, 8], [32, 0], [32, 0], [32, 0], [32, 0], [32, 0], [32, 0])
  t.match(decoded(message('setattr', Buffer.concat([times, rest]))), {
    body: { valid: 48, atime: { seconds: -5, nanos: 7 }, mtime: { seconds: 2 ** 33, nanos: 8 } },
  })
})

t.test('a name that is not UTF-8, empty or a path is refused', async t => {
  for (const [bytes, errno] of [
    [Buffer.from([0xff, 0]), 'EILSEQ'],
    [Buffer.from([0]), 'EINVAL'],
    [Buffer.from('a/b\0'), 'EINVAL'],
    [Buffer.from('no end'), 'EINVAL'],
  ] as const) {
    t.throws(() => decoded(message('lookup', bytes)), { name: 'ProtocolError', errno })
  }
})

t.test('bytes that are no message have no header', async t => {
  t.equal(decodeHeader(Buffer.alloc(39)), undefined)
  const short = message('statfs', Buffer.alloc(0))
  short.writeUInt32LE(short.length + 1, 0)
  t.equal(decodeHeader(short), undefined)
})

t.test('an operation that we do not know has no request', async t => {
  const poll = message('statfs', Buffer.alloc(24))
  for (const opcode of [0, 39, 40, 63, 64, 4096, 2 ** 32 - 1]) {
    poll.writeUInt32LE(opcode, 4)
    t.equal(decoded(poll), undefined)
  }
})

t.test('garbage and truncated messages end in a protocol error or a request, nothing else', async () => {
  const opcodes = Object.values(OPCODE)
  const anyMessage = fc.tuple(fc.constantFrom(...opcodes), fc.uint8Array({ maxLength: 200 }))
  fc.assert(
    fc.property(anyMessage, ([opcode, body]) => {
      const bytes = message('statfs', Buffer.from(body))
      bytes.writeUInt32LE(opcode, 4)
      try {
        return decoded(bytes) !== undefined
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        return ['EINVAL', 'EILSEQ'].includes(error.errno)
      }
    }),
    { seed, numRuns: 20_000 },
  )
})

t.test('a list of nodes to forget cannot claim more than its message holds', async t => {
  t.throws(() => decoded(message('batchForget', numbers([32, 2 ** 31], [32, 0]))), ProtocolError)
})

const attributes: encode.Attributes = {
  inode: 2 ** 41 + 5,
  size: 2 ** 45 + 1,
  blocks: 3,
  atime: { seconds: -1, nanos: 1 },
  mtime: { seconds: 2, nanos: 3 },
  ctime: { seconds: 4, nanos: 5 },
  mode: 0o100644,
  nlink: 1,
  uid: 7,
  gid: 8,
  device: 9,
  blockSize: 4096,
}
const entry = { nodeId: 2 ** 41 + 5, attributes, lifetimes: { entryMs: 1500, attributesMs: 250 } }

t.test('answers have the sizes and places that the kernel expects', async t => {
  const out = encode.encodeEntry(99, entry)
  t.equal(out.length, OUT_HEADER_BYTES + ENTRY_BYTES)
  t.equal(out.readUInt32LE(0), out.length)
  t.equal(out.readBigUInt64LE(8), 99n)
  t.equal(out.readBigUInt64LE(16), 2n ** 41n + 5n)
  t.equal(out.readBigUInt64LE(32), 1n)
  t.equal(out.readUInt32LE(48), 500_000_000)
  t.equal(out.readUInt32LE(52), 250_000_000)
  t.equal(out.readBigUInt64LE(56), 2n ** 41n + 5n)
  t.equal(out.readBigInt64LE(80), -1n)
  t.equal(out.readUInt32LE(116), 0o100644)
  t.equal(encode.encodeAttributes(1, attributes, 0).length, 16 + 104)
  t.equal(encode.encodeCreate(1, entry, 2, 0).length, 16 + 144)
  t.equal(encode.encodeOpen(1, 2, 0).length, 16 + 16)
  t.equal(encode.encodeError(1, 2).readInt32LE(4), -2)
  t.equal(encode.encodeDataHeader(1, 100).readUInt32LE(0), 116)
  const room = { blocks: 1, blocksFree: 1, files: 1, filesFree: 1, blockSize: 4096, nameBytesMax: 255 }
  t.equal(encode.encodeRoom(1, room).length, 16 + 80)
  t.equal(encode.encodeInvalidateInode(5, -1, 0).readBigInt64LE(24), -1n)
  const gone = encode.encodeInvalidateEntry(5, 'näme')
  t.same([gone.length, gone.readUInt32LE(24), gone.at(-1)], [16 + 16 + 5 + 1, 5, 0])
})

t.test('a page of entries is padded and never larger than asked for', async t => {
  const page = new encode.DirectoryPage(3, 100)
  t.ok(page.isEmpty)
  t.ok(page.add('a', 10, 8, 1))
  t.ok(page.add('12345678', 11, 4, 2))
  t.notOk(page.add('does not fit', 12, 8, 3))
  const bytes = page.finish()
  t.equal(bytes.length, 16 + 32 + 32)
  t.equal(bytes.readUInt32LE(0), bytes.length)
  t.equal(bytes.readBigUInt64LE(16 + 32 + 8), 2n)
  const plus = new encode.DirectoryPage(3, 400)
  t.ok(plus.addPlus('a', 8, 1, 10, entry))
  t.ok(plus.addPlus('.', 4, 2, 11, undefined))
  t.notOk(plus.addPlus('b', 8, 3, 12, entry))
  t.equal(plus.finish().length, 16 + 160 + 160)
})

t.test('the two sides agree on the older version and on what both have', async t => {
  const all: [number, number] = [0xffff_ffff, 0xffff_ffff]
  const agreed = negotiate({ major: 7, minor: 60, readAheadBytes: 131_072, flags: all })
  t.match(agreed, { kind: 'agreed', answer: { minor: 45, writeBytesMax: 1024 * 1024 } })
  if (agreed.kind === 'agreed') {
    t.ok(agreed.has.has('handleKillPrivileges2'))
    t.notOk(agreed.has.has('writebackCache'))
    t.equal(encode.encodeInit(1, agreed.answer).length, 16 + 64)
  }
  const old = negotiate({ major: 7, minor: 31, readAheadBytes: 0, flags: [0, 0] })
  t.match(old, { kind: 'agreed', answer: { minor: 31, flags: [0, 0] } })
  t.equal(negotiate({ major: 7, minor: 30, readAheadBytes: 0, flags: all }).kind, 'refused')
  t.equal(negotiate({ major: 8, minor: 0, readAheadBytes: 0, flags: all }).kind, 'other-major')
})
