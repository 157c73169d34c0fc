import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chunkCrcs, chunkStart } from '@hopbine/common/wire/chunk-crc.ts'
import t from 'tap'
import { BlockStore, type HeldFile } from './block-store.ts'
import { ACKNOWLEDGED_SLOT, ENTRIES_START, SYNCED_SLOT, slotPosition } from './checksum-file.ts'
import { type BlockName, type BlockSuffix, blockPath, quarantinePath } from './layout.ts'

const KIB64 = 64 * 1024
const name: BlockName = { blockId: 4242, group: 7 }
const memory = Buffer.alloc(1024 * 1024)

interface Fixture {
  readonly dataDir: string
  /** Blocks of which the store said that they are bad. */
  readonly told: number[]
  open(): Promise<BlockStore>
  path(suffix: BlockSuffix): string
  flip(suffix: BlockSuffix, position: number): void
}

function fixture(t: { teardown(end: () => void): void }): Fixture {
  const dataDir = mkdtempSync(join(tmpdir(), 'hopbine-store-'))
  t.teardown(() => rmSync(dataDir, { recursive: true }))
  const told: number[] = []
  const path = (suffix: BlockSuffix): string => blockPath(dataDir, name, suffix)
  return {
    dataDir,
    told,
    open: () =>
      BlockStore.open({ dataDir, reserveBytes: 0, onQuarantined: ({ blockId }) => told.push(blockId) }),
    path,
    flip(suffix, position) {
      const bytes = readFileSync(path(suffix))
      bytes[position] = (bytes[position] ?? 0) ^ 0x10
      writeFileSync(path(suffix), bytes)
    },
  }
}

/** Appends as a stream does: each piece with the checksums of its chunks from their start. */
async function append({ file }: HeldFile, bytes: Uint8Array): Promise<void> {
  const { length, tailCrc } = file.view()
  await file.append([{ bytes, offset: length, crcs: chunkCrcs(bytes, length, tailCrc) }])
}

async function appendSynced({ file }: HeldFile, bytes: Uint8Array): Promise<void> {
  const { length, tailCrc } = file.view()
  await file.appendSynced([{ bytes, offset: length, crcs: chunkCrcs(bytes, length, tailCrc) }])
}

async function readAll({ file }: HeldFile): Promise<Buffer> {
  const view = file.view()
  const parts: Buffer[] = []
  for (let at = 0; at < view.length; at += memory.length) {
    const { bytes } = await file.read(view, at, Math.min(view.length, at + memory.length), memory)
    parts.push(Buffer.from(bytes))
  }
  return Buffer.concat(parts)
}

/** As the death of the process leaves the files: nothing more is written or synced. */
async function abandon(store: BlockStore, held: HeldFile): Promise<void> {
  held.release()
  await store.close()
}

t.test('an open block keeps what was acknowledged over a restart, at any length', async t => {
  const { open } = fixture(t)
  const bytes = randomBytes(3 * KIB64 + 500)
  let written = 0
  for (const step of [1, 499, KIB64 - 500, KIB64, 1, KIB64 - 2, 1, 500]) {
    const store = await open()
    const held = await store.useOrCreate(name, 1)
    t.equal(held.file.length, written)
    t.ok((await readAll(held)).equals(bytes.subarray(0, written)))
    await append(held, bytes.subarray(written, written + step))
    written += step
    if (step === KIB64) await held.file.sync()
    await abandon(store, held)
  }
  t.equal(written, bytes.length)
})

t.test(
  'every bit flipped in a sealed block is found, quarantined, and no byte of its chunk served',
  async t => {
    const bytes = randomBytes(2 * KIB64 + 100)
    for (const position of [0, KIB64 - 1, KIB64, 2 * KIB64 - 1, 2 * KIB64, 2 * KIB64 + 99]) {
      const { dataDir, told, open, path, flip } = fixture(t)
      let store = await open()
      const held = await store.useOrCreate(name, 1)
      await append(held, bytes)
      await held.file.seal()
      await abandon(store, held)
      t.ok(existsSync(path('blk')))
      flip('blk', position)
      store = await open()
      const bad = await store.use(name)
      const good = position < KIB64 ? KIB64 : 0
      const { bytes: part } = await bad.file.read(bad.file.view(), good, good + KIB64, memory)
      t.ok(part.equals(bytes.subarray(good, good + KIB64)), 'other chunks are still good')
      await t.rejects(bad.file.read(bad.file.view(), position, position + 1, memory), { code: 'CORRUPT' })
      await store.quarantine(name, 'flipped')
      await store.quarantine(name, 'again')
      t.same(told, [name.blockId])
      bad.release()
      await t.rejects(store.use(name), { code: 'CORRUPT' })
      t.same(store.quarantined, [name.blockId])
      t.equal(store.blocks, 0)
      await store.close()
      const again = await open()
      t.same(again.quarantined, [name.blockId], 'a restart remembers')
      t.ok(
        readFileSync(quarantinePath(dataDir, name, 'blk')).length === bytes.length,
        'the copy is kept aside',
      )
      await again.close()
    }
  },
)

t.test('a sealed block whose length or checksum file is wrong is quarantined when it is opened', async t => {
  const damage: Record<string, (f: Fixture) => void> = {
    shorter: f => truncateSync(f.path('blk'), KIB64),
    longer: f => writeFileSync(f.path('blk'), Buffer.alloc(3 * KIB64)),
    'no checksums': f => rmSync(f.path('crc')),
    'an empty checksum file': f => truncateSync(f.path('crc'), 0),
    'checksums cut short': f => truncateSync(f.path('crc'), ENTRIES_START + 4),
    'a changed identity': f => f.flip('crc', 9),
    'a changed slot': f => f.flip('crc', slotPosition(SYNCED_SLOT) + 1),
    "another block's checksums": f => {
      const bytes = readFileSync(f.path('crc'))
      bytes.writeDoubleLE(4243, 8)
      writeFileSync(f.path('crc'), bytes)
    },
  }
  for (const [what, harm] of Object.entries(damage)) {
    const one = fixture(t)
    const store = await one.open()
    const held = await store.useOrCreate(name, 1)
    await append(held, randomBytes(2 * KIB64))
    await held.file.seal()
    await abandon(store, held)
    harm(one)
    const again = await one.open()
    await t.rejects(again.use(name), { code: 'CORRUPT' }, what)
    t.same(again.quarantined, [name.blockId], what)
    t.same(one.told, [name.blockId], what)
    await again.close()
  }
})

t.test('a tail that the checksums do not prove is cut, and synced bytes stay', async t => {
  const bytes = randomBytes(3 * KIB64)
  for (const synced of [0, 1000, KIB64, KIB64 + 1000]) {
    for (const torn of ['data lost', 'data garbled', 'data behind the slot']) {
      const { open, path, flip } = fixture(t)
      let store = await open()
      let held = await store.useOrCreate(name, 1)
      if (synced > 0) await append(held, bytes.subarray(0, synced))
      await held.file.sync()
      await append(held, bytes.subarray(synced, synced + 700))
      await append(held, bytes.subarray(synced + 700, synced + KIB64))
      await abandon(store, held)
      if (torn === 'data lost') truncateSync(path('open'), synced + 700)
      if (torn === 'data garbled') flip('open', synced + 701)
      if (torn === 'data behind the slot') {
        writeFileSync(path('open'), Buffer.concat([readFileSync(path('open')), randomBytes(5000)]))
      }
      store = await open()
      held = await store.useOrCreate(name, 1)
      const expected = torn === 'data behind the slot' ? synced + KIB64 : synced + 700
      t.equal(held.file.length, expected, `${torn}, ${synced} synced`)
      t.equal(statSync(path('open')).size, expected)
      t.ok((await readAll(held)).equals(bytes.subarray(0, expected)))
      await append(held, bytes.subarray(expected))
      await held.file.seal()
      t.ok((await readAll(held)).equals(bytes))
      await abandon(store, held)
    }
  }
})

t.test('both acknowledged slots torn leave the synced length', async t => {
  const { open, flip } = fixture(t)
  const bytes = randomBytes(2 * KIB64)
  let store = await open()
  let held = await store.useOrCreate(name, 1)
  await append(held, bytes.subarray(0, 70_000))
  await held.file.sync()
  await append(held, bytes.subarray(70_000, 80_000))
  await append(held, bytes.subarray(80_000))
  await abandon(store, held)
  for (const index of [0, 1]) flip('crc', slotPosition(ACKNOWLEDGED_SLOT + index) + 2)
  store = await open()
  held = await store.use(name)
  t.equal(held.file.length, 70_000)
  t.equal(held.file.syncedLength, 70_000)
  t.ok((await readAll(held)).equals(bytes.subarray(0, 70_000)))
  await abandon(store, held)
})

t.test('an interrupted sync leaves the sync before it', async t => {
  const { open, flip, path } = fixture(t)
  const bytes = randomBytes(50_000)
  let store = await open()
  let held = await store.useOrCreate(name, 1)
  for (const end of [10_000, 20_000, 30_000]) {
    await append(held, bytes.subarray(end - 10_000, end))
    await held.file.sync()
  }
  await abandon(store, held)
  // The newest slots reached the disk, the data did not.
  truncateSync(path('open'), 20_000)
  store = await open()
  held = await store.use(name)
  t.equal(held.file.length, 20_000)
  t.equal(held.file.syncedLength, 20_000)
  await append(held, bytes.subarray(20_000))
  await held.file.sync()
  await abandon(store, held)
  flip('crc', slotPosition(ACKNOWLEDGED_SLOT) + 3)
  flip('crc', slotPosition(ACKNOWLEDGED_SLOT + 1) + 3)
  store = await open()
  held = await store.use(name)
  t.equal(held.file.length, 50_000, 'the good slot was not the one written over')
  await abandon(store, held)
})

t.test('bytes that are appended and synced at once stay, whatever came before them', async t => {
  const bytes = randomBytes(5 * KIB64)
  for (const acknowledged of [0, 500, KIB64 + 9]) {
    const { open, flip, path } = fixture(t)
    let store = await open()
    let held = await store.useOrCreate(name, 1)
    await appendSynced(held, bytes.subarray(0, 1000))
    t.equal(held.file.syncedLength, 1000)
    if (acknowledged > 0) await append(held, bytes.subarray(1000, 1000 + acknowledged))
    const before = held.file.length
    const both = appendSynced(held, bytes.subarray(before, before + 2 * KIB64))
    await Promise.all([both, held.file.sync()])
    const { length } = held.file
    t.equal(length, before + 2 * KIB64)
    t.equal(held.file.syncedLength, length)
    await abandon(store, held)
    for (const index of [0, 1]) flip('crc', slotPosition(ACKNOWLEDGED_SLOT + index) + 2)
    store = await open()
    held = await store.useOrCreate(name, 1)
    t.equal(held.file.syncedLength, length, 'what was acknowledged only is not needed')
    t.ok((await readAll(held)).equals(bytes.subarray(0, length)))
    await appendSynced(held, bytes.subarray(length, length + 3000))
    await abandon(store, held)
    // Its slot reached the disk, its data did not.
    truncateSync(path('open'), length)
    store = await open()
    held = await store.useOrCreate(name, 1)
    t.equal(held.file.length, length)
    t.equal(held.file.syncedLength, length)
    await appendSynced(held, bytes.subarray(length))
    await held.file.seal()
    t.ok((await readAll(held)).equals(bytes))
    await abandon(store, held)
  }
})

t.test('synced bytes that rotted are corruption, not a shorter block', async t => {
  const { open, flip } = fixture(t)
  let store = await open()
  const held = await store.useOrCreate(name, 1)
  for (let count = 0; count < 3; count++) {
    await append(held, randomBytes(10_000))
    await held.file.sync()
  }
  await abandon(store, held)
  flip('open', 15_000)
  store = await open()
  await t.rejects(store.use(name), { code: 'CORRUPT' })
  t.same(store.quarantined, [name.blockId])
  await store.close()
})

t.test('a seal that was durable holds although its rename was not', async t => {
  const { open, path } = fixture(t)
  const bytes = randomBytes(100_000)
  let store = await open()
  let held = await store.useOrCreate(name, 1)
  await append(held, bytes)
  await held.file.seal()
  await abandon(store, held)
  writeFileSync(path('open'), readFileSync(path('blk')))
  rmSync(path('blk'))
  store = await open()
  held = await store.use(name)
  t.ok(held.file.isSealed)
  t.ok(existsSync(path('blk')))
  t.ok((await readAll(held)).equals(bytes))
  await t.rejects(append(held, bytes), { code: 'INVALID_ARGUMENT' })
  await abandon(store, held)
})

t.test('a cut verifies the chunk that it cuts', async t => {
  const { open, flip } = fixture(t)
  const store = await open()
  const held = await store.useOrCreate(name, 1)
  await append(held, randomBytes(90_000))
  flip('open', 80_000)
  await t.rejects(held.file.cut(70_000, memory), { code: 'CORRUPT' })
  await held.file.cut(chunkStart(70_000), memory)
  t.equal(held.file.length, KIB64)
  await append(held, randomBytes(10))
  t.equal((await readAll(held)).length, KIB64 + 10)
  await abandon(store, held)
})

t.test('a block being read is read to its end although it is dropped meanwhile', async t => {
  const { open } = fixture(t)
  const store = await open()
  const bytes = randomBytes(200_000)
  const held = await store.useOrCreate(name, 1)
  await append(held, bytes)
  await held.file.seal()
  await store.drop(name)
  t.equal(store.blocks, 0)
  t.ok((await readAll(held)).equals(bytes))
  await t.rejects(store.use(name), { code: 'BLOCK_NOT_FOUND' })
  held.release()
  await store.drop(name)
  await store.close()
})

t.test('files of unused blocks are closed beyond a bound, and open again when asked', async t => {
  const { open } = fixture(t)
  const store = await open()
  const before = openFiles()
  for (let blockId = 1; blockId <= 400; blockId++) {
    const held = await store.useOrCreate({ blockId, group: 3 }, 1)
    await append(held, Buffer.from([blockId % 256]))
    held.release()
  }
  await new Promise(resolve => setTimeout(resolve, 100))
  t.ok(openFiles() - before <= 2 * 256 + 2, `${openFiles() - before} files`)
  for (let blockId = 1; blockId <= 400; blockId++) {
    const held = await store.use({ blockId, group: 3 })
    const bytes = await readAll(held)
    if (bytes.length !== 1 || bytes[0] !== blockId % 256) t.fail(`block ${blockId}`)
    held.release()
  }
  t.equal(store.blocks, 400)
  await store.close()
  t.ok(openFiles() <= before, 'a closed store holds no file')
})

function openFiles(): number {
  return readdirSync('/proc/self/fd').length
}
