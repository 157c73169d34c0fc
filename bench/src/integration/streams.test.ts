/** Streams and whole files against a real namenode and real datanodes. */
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'
import { patternAt, patternChunks } from './content.ts'

const MIB = 1024 * 1024
const INLINE = 64 * 1024

const cluster = await bootInProcess({ datanodes: 3 })
t.teardown(() => cluster.stop())
const fs = await cluster.connect()

t.test('a file of any size reads as it was written, whole and in parts', async t => {
  const sizes = [0, 1, INLINE - 1, INLINE, INLINE + 1, MIB - 1, MIB, MIB + 1, 5 * MIB + 12345]
  for (const size of sizes) {
    const path = `/sizes/${size}`
    const chunks = patternChunks(size, [1, 4096, 100_000, 65_536, 700_000])
    await pipeline(Readable.from(chunks), await fs.create(path, { blockSize: MIB }))
    const expected = patternAt(0, size)
    t.ok((await fs.readFile(path)).equals(expected), `${size} bytes with readFile`)
    t.ok((await buffer(await fs.open(path))).equals(expected), `${size} bytes with open`)
    for (const [start, end] of [
      [1, size - 1],
      [Math.floor(size / 2), size + 10],
      [size, size + 1],
    ] as const) {
      if (end < start) continue
      const part = await buffer(await fs.open(path, { start, end }))
      t.ok(part.equals(expected.subarray(start, end)), `${size} bytes from ${start} to ${end}`)
    }
  }
})

t.test('a small file is inline and a larger one lies in blocks of its block size', async t => {
  t.ok((await fs.writeFile('/kinds/small', patternAt(0, INLINE))).isInline)
  t.same(await fs.getFileBlockLocations('/kinds/small'), [])
  const large = await fs.writeFile('/kinds/large', patternAt(0, 2 * MIB + 5), {
    blockSize: MIB,
    replication: 2,
  })
  t.notOk(large.isInline)
  t.notOk(large.isOpen)
  const locations = await fs.getFileBlockLocations('/kinds/large')
  t.same(
    locations.map(({ offset, length }) => [offset, length]),
    [
      [0, MIB],
      [MIB, MIB],
      [2 * MIB, 5],
    ],
  )
  for (const { nodes } of locations) t.equal(new Set(nodes.map(({ nodeId }) => nodeId)).size, 2)
  t.same((await fs.getFileBlockLocations('/kinds/large', { start: MIB, end: MIB + 1 })).length, 1)
})

t.test('an existing file is refused or replaced as a whole', async t => {
  await fs.writeFile('/again', 'first')
  await t.rejects(fs.writeFile('/again', 'second'), { code: 'ALREADY_EXISTS' })
  await t.rejects(fs.writeFile('/again', patternAt(0, MIB)), { code: 'ALREADY_EXISTS' })
  await t.rejects(pipeline(['third'], await fs.create('/again')), { code: 'ALREADY_EXISTS' })
  t.equal((await fs.readFile('/again')).toString(), 'first')
  await fs.writeFile('/again', patternAt(0, MIB), { overwrite: true })
  await fs.writeFile('/again', 'fourth', { overwrite: true })
  t.equal((await fs.readFile('/again')).toString(), 'fourth')
})

t.test('appending keeps what was there, from inline to blocks and on', async t => {
  let size = 0
  await fs.writeFile('/grow', '')
  for (const more of [10, INLINE - 10, 1, MIB, 3, 2 * MIB]) {
    await pipeline([patternAt(size, more)], await fs.append('/grow'))
    size += more
    t.equal((await fs.getFileStatus('/grow')).size, size)
    t.ok((await fs.readFile('/grow')).equals(patternAt(0, size)), `${size} bytes`)
  }
})

t.test('one writer at a time', async t => {
  const writer = await fs.append('/again')
  const other = await cluster.connect()
  await t.rejects(other.append('/again'), { code: 'LEASE_CONFLICT' })
  await t.rejects(other.truncate('/again', 0), { code: 'LEASE_CONFLICT' })
  writer.end()
  await once(writer, 'close')
  await (await other.openFile('/again', { write: true })).close()
})

t.test('what is synced is seen by a reader while the writer goes on', async t => {
  const reader = await cluster.connect()
  const writer = await fs.create('/live', { blockSize: MIB })
  let size = 0
  for (const more of [5, 100_000, MIB, 12]) {
    writer.write(patternAt(size, more))
    size += more
    await writer.sync()
    t.ok((await fs.getFileStatus('/live')).isOpen)
    t.ok((await reader.readFile('/live')).equals(patternAt(0, size)), `${size} bytes`)
  }
  writer.end()
  await once(writer, 'close')
  t.equal(writer.status?.size, size)
  t.equal(writer.bytesWritten, size)
  t.notOk((await reader.getFileStatus('/live')).isOpen)
})

t.test('a stream that is destroyed leaves nothing behind', async t => {
  for (const bytes of [10, 3 * MIB]) {
    const writer = await fs.create(`/gone-${bytes}`)
    writer.write(patternAt(0, bytes))
    if (bytes > MIB) await writer.sync()
    writer.destroy()
    await once(writer, 'close')
    t.notOk(await fs.exists(`/gone-${bytes}`))
  }
  const appender = await fs.append('/live')
  appender.write(patternAt(0, 10))
  appender.destroy()
  await once(appender, 'close')
  const before = await fs.getFileStatus('/live')
  t.notOk(before.isOpen)
  t.ok((await fs.readFile('/live')).equals(patternAt(0, before.size)))
})

t.test('an abort in the middle of a write is CANCELLED and leaves nothing behind', async t => {
  const stop = new AbortController()
  function* endless(): Generator<Buffer> {
    for (let at = 0; ; at += MIB) {
      if (at === 20 * MIB) stop.abort()
      yield patternAt(at, MIB)
    }
  }
  const writer = await fs.create('/aborted', { signal: stop.signal })
  await t.rejects(pipeline(Readable.from(endless()), writer), { code: 'CANCELLED' })
  t.notOk(await fs.exists('/aborted'))
})

t.test('a reader that stops early, or is aborted, stops the reading', async t => {
  await fs.writeFile('/long', patternAt(0, 24 * MIB), { blockSize: 8 * MIB })
  let seen = 0
  for await (const chunk of await fs.open('/long')) {
    seen += chunk.length
    if (seen > MIB) break
  }
  t.ok(seen < 8 * MIB)
  const stop = new AbortController()
  const reading = buffer(await fs.open('/long', { signal: stop.signal }))
  stop.abort()
  await t.rejects(reading, { code: 'CANCELLED' })
  t.ok((await fs.readFile('/long')).equals(patternAt(0, 24 * MIB)))
})

t.test(
  'a reader follows the file through a rename, and keeps to the old one when the name is replaced',
  async t => {
    const content = patternAt(0, 20 * MIB)
    await fs.writeFile('/moved', content, { blockSize: MIB })
    const stream = await fs.open('/moved')
    await fs.rename('/moved', '/moved-on')
    await fs.writeFile('/moved', 'other')
    t.ok((await buffer(stream)).equals(content))
  },
)

t.test('holes read as zeros', async t => {
  await fs.writeFile('/holes', 'abc')
  await fs.truncate('/holes', 3 * MIB)
  const expected = Buffer.alloc(3 * MIB)
  expected.write('abc')
  t.ok((await fs.readFile('/holes')).equals(expected))
  t.ok((await buffer(await fs.open('/holes'))).equals(expected))
  await pipeline(['end'], await fs.append('/holes'))
  t.equal((await fs.readFile('/holes')).subarray(3 * MIB).toString(), 'end')
})
