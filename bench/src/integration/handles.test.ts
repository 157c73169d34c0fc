/** Random access against a real cluster, case by case. Random steps: file-model.test.ts. */

import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'
import { patternAt } from './content.ts'

const KIB = 1024
const MIB = 1024 * KIB

const cluster = await bootInProcess({ datanodes: 2 })
t.teardown(() => cluster.stop())
const fs = await cluster.connect()

t.test('a new file is there at once, empty, and vanishes when it is given up unsynced', async t => {
  const file = await fs.openFile('/new', { create: true })
  t.equal((await fs.getFileStatus('/new')).size, 0)
  await file.write(Buffer.from('x'), 0)
  await file.abort()
  t.notOk(await fs.exists('/new'))
})

t.test('create opens what is there, exclusive refuses it, overwrite starts anew', async t => {
  await fs.writeFile('/there', 'old content')
  const kept = await fs.openFile('/there', { create: true })
  t.equal(kept.size, 11)
  await kept.close()
  await t.rejects(fs.openFile('/there', { create: true, exclusive: true }), { code: 'ALREADY_EXISTS' })
  const anew = await fs.openFile('/there', { create: true, overwrite: true })
  await anew.close()
  t.equal((await fs.getFileStatus('/there')).size, 0)
  await t.rejects(fs.openFile('/missing', { write: true }), { code: 'NOT_FOUND' })
  await t.rejects(fs.openFile('/', {}), { code: 'IS_A_DIRECTORY' })
})

t.test('a small file synced again and again stays inline, also when others write in between', async t => {
  const file = await fs.openFile('/notes', { create: true })
  for (let i = 0; i < 5; i++) {
    await file.write(Buffer.from(`line ${i}\n`), i * 7)
    await file.sync()
    t.equal((await fs.readFile('/notes')).length, (i + 1) * 7)
  }
  const status = await fs.getFileStatus('/notes')
  t.ok(status.isInline)
  const other = await cluster.connect()
  await other.writeFile('/tmp-notes', 'x')
  const appended = await other.openFile('/notes', { write: true })
  await appended.write(Buffer.from('theirs'), 35)
  await appended.close()
  await file.write(Buffer.from('mine'), 41)
  await file.close()
  t.equal((await fs.readFile('/notes')).subarray(35).toString(), 'theirsmine')
})

t.test('a reading handle sees what another has synced, beyond the end that it knew', async t => {
  const writer = await fs.openFile('/followed', { create: true })
  await writer.write(patternAt(0, 100 * KIB), 0)
  await writer.sync()
  const reader = await fs.openFile('/followed')
  t.equal(reader.size, 100 * KIB)
  await writer.write(patternAt(100 * KIB, MIB), 100 * KIB)
  const target = Buffer.alloc(2 * MIB)
  t.equal(await reader.read(target, 0), 100 * KIB)
  await writer.sync()
  t.equal(await reader.read(target, 0), 100 * KIB + MIB)
  t.ok(target.subarray(0, 100 * KIB + MIB).equals(patternAt(0, 100 * KIB + MIB)))
  await writer.close()
  await reader.close()
})

t.test(
  'a small file that grows by a hole reads right before and after it leaves the metadata store',
  async t => {
    const file = await fs.openFile('/leaves', { create: true })
    await file.write(Buffer.from('a'), 0)
    await file.sync()
    await file.truncate(70_000)
    const target = Buffer.alloc(2)
    await file.read(target, 0)
    t.equal(target.toString(), 'a\0')
    await file.write(Buffer.from('b'), 0)
    await file.sync()
    await file.read(target, 0)
    t.equal(target.toString(), 'b\0')
    await file.close()
  },
)

t.test('positions outside of any file and uses after closing are refused', async t => {
  const file = await fs.openFile('/checked', { create: true })
  await t.rejects(file.write(Buffer.alloc(1), -1), { code: 'INVALID_ARGUMENT' })
  await t.rejects(file.write(Buffer.alloc(1), 2 ** 52), { code: 'INVALID_ARGUMENT' })
  await t.rejects(file.read(Buffer.alloc(1), 0.5), { code: 'INVALID_ARGUMENT' })
  await file.close()
  await file.close()
  await t.rejects(file.write(Buffer.alloc(1), 0), { code: 'INVALID_ARGUMENT' })
  const reader = await fs.openFile('/checked')
  await t.rejects(reader.write(Buffer.alloc(1), 0), { code: 'INVALID_ARGUMENT' })
})

t.test('overlapping writes and reads keep the order of their calls', async t => {
  const file = await fs.openFile('/overlap', { create: true })
  const model = Buffer.alloc(12 * MIB)
  const calls: Promise<unknown>[] = []
  for (let i = 0; i < 3000; i++) {
    const at = (i * 7919 * 512) % (11 * MIB)
    const bytes = Buffer.alloc(16 * KIB, i % 251)
    bytes.copy(model, at)
    calls.push(file.write(bytes, at))
    if (i % 100 === 0) calls.push(file.sync())
    if (i % 150 === 0) calls.push(file.read(Buffer.alloc(MIB), at))
  }
  await Promise.all(calls)
  const found = Buffer.alloc(12 * MIB)
  const length = await file.read(found, 0)
  t.ok(found.subarray(0, length).equals(model.subarray(0, length)))
  await file.close()
  t.ok((await fs.readFile('/overlap')).equals(model.subarray(0, length)))
})

t.test('reads at once see what has just gone into blocks, whichever of them has it committed', async t => {
  const file = await fs.openFile('/just-flushed', { create: true })
  const bytes = patternAt(0, 3 * MIB)
  await file.write(bytes, 0)
  await file.sync()
  for (let round = 1; round <= 20; round++) {
    bytes.fill(round, MIB, 2 * MIB)
    await file.write(bytes.subarray(MIB, 2 * MIB), MIB)
    // So much goes into the block without being asked for.
    await sleep(20)
    const parts = Array.from({ length: 16 }, () => Buffer.alloc(64 * KIB))
    const reads: Promise<number>[] = []
    for (const [index, part] of parts.entries()) {
      reads.push(file.read(part, MIB + index * part.length))
      // The first one's commit is on its way when the others look.
      await new Promise(setImmediate)
    }
    await Promise.all(reads)
    t.ok(Buffer.concat(parts).equals(bytes.subarray(MIB, 2 * MIB)), `round ${round}`)
  }
  await file.close()
})
