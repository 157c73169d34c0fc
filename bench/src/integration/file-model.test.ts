/**
 * Random steps on a file handle and on one buffer alike, with and without restarts of the servers below: both
 * must always hold the same, and another session must find it in the end.
 */
import type { FileHandle, FileSystem } from '@hopbine/client/index.ts'
import fc from 'fast-check'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'
import { patternAt } from './content.ts'

const DATANODES = 3
/** The long run is `HOPBINE_RUNS=500 TAP_TIMEOUT=0`. */
const RUNS = Number(process.env.HOPBINE_RUNS ?? 25)

const cluster = await bootInProcess({ datanodes: DATANODES, logLevel: 'error' })
t.teardown(() => cluster.stop())
const fs = await cluster.connect()

const KIB = 1024
const MIB = 1024 * KIB

/** Sizes on both sides of every border there is: inline, flush, block. */
const place = fc.oneof(
  { weight: 3, arbitrary: fc.nat(80 * KIB) },
  { weight: 2, arbitrary: fc.nat(3 * MIB) },
  { weight: 1, arbitrary: fc.nat(12 * MIB) },
)
const length = fc.oneof(
  { weight: 4, arbitrary: fc.nat(5000) },
  { weight: 2, arbitrary: fc.nat(200 * KIB) },
  { weight: 1, arbitrary: fc.nat(5 * MIB) },
)
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('write' as const), at: place, length }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('read' as const), at: place, length }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), at: place, length: fc.constant(0) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('sync' as const, 'reopen' as const),
      at: fc.constant(0),
      length: fc.constant(0),
    }),
  },
)
type FileStep = typeof step extends fc.Arbitrary<infer T> ? T : never

function fileSteps(max: number): fc.Arbitrary<FileStep[]> {
  return fc.array(step, { minLength: 1, maxLength: max, size: 'max' })
}

/** The file as it should be: bytes up to `size` count. */
class FileModel {
  readonly bytes = Buffer.alloc(20 * MIB)
  size = 0

  write(bytes: Buffer, at: number): void {
    if (bytes.length === 0) return
    bytes.copy(this.bytes, at)
    this.size = Math.max(this.size, at + bytes.length)
  }

  truncate(size: number): void {
    this.bytes.fill(0, size)
    this.size = size
  }

  get content(): Buffer {
    return this.bytes.subarray(0, this.size)
  }
}

/** Takes one step on both; answers the handle to go on with. Throws where they differ. */
async function takeStep(
  session: FileSystem,
  file: FileHandle,
  model: FileModel,
  next: FileStep,
  turn: number,
): Promise<FileHandle> {
  if (next.kind === 'write') {
    const bytes = patternAt(turn * 100_003, next.length)
    model.write(bytes, next.at)
    await file.write(bytes, next.at)
  } else if (next.kind === 'truncate') {
    model.truncate(next.at)
    await file.truncate(next.at)
  } else if (next.kind === 'read') {
    const target = Buffer.alloc(next.length, 0xee)
    const found = await file.read(target, next.at)
    const expected = model.content.subarray(next.at, next.at + next.length)
    if (found !== expected.length || !target.subarray(0, found).equals(expected)) {
      throw new Error(`step ${turn}: ${next.length} bytes at ${next.at} read wrongly`)
    }
  } else if (next.kind === 'sync') {
    await file.sync()
  } else {
    await file.close()
    return session.openFile(file.path, { write: true })
  }
  if (file.size !== model.size) throw new Error(`step ${turn}: size ${file.size}, not ${model.size}`)
  return file
}

/** A number is a datanode. */
type Server = number | 'namenode'

/** Which server to restart, and during which step. */
const restart = fc.record({
  server: fc.oneof(fc.nat(DATANODES - 1), fc.constant('namenode' as const)),
  turn: fc.nat(20),
})

async function restartAll(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    if (server === 'namenode') await cluster.restartNamenode()
    else {
      await cluster.stopDatanode(server)
      await cluster.startDatanode(server)
    }
  }
}

t.test('any sequence of calls reads and ends like the same on one buffer', async t => {
  const reader = await cluster.connect()
  let run = 0
  const property = fc.asyncProperty(fileSteps(40), async steps => {
    run += 1
    const path = `/model-${run}`
    const model = new FileModel()
    let file = await fs.openFile(path, { create: true, blockSize: MIB })
    for (const [turn, next] of steps.entries()) file = await takeStep(fs, file, model, next, turn)
    await file.close()
    const found = await reader.readFile(path)
    if (!found.equals(model.content)) throw new Error('another session reads something else')
    await fs.delete(path)
  })
  await t.resolves(fc.assert(property, { numRuns: RUNS, endOnFailure: true }))
})

t.test('no restart of a server changes what a handle reads or what stays', async t => {
  let run = 0
  const restarts = fc.array(restart, { minLength: 1, maxLength: 3 })
  const property = fc.asyncProperty(fileSteps(20), restarts, async (steps, planned) => {
    run += 1
    const path = `/restarts-${run}`
    const model = new FileModel()
    let file = await fs.openFile(path, { create: true, blockSize: MIB, replication: 2 })
    for (const [turn, next] of steps.entries()) {
      const due = planned.filter(each => each.turn === turn)
      const [after] = await Promise.all([
        takeStep(fs, file, model, next, turn),
        restartAll(due.map(({ server }) => server)),
      ])
      file = after
    }
    await file.close()
    const reader = await cluster.connect()
    const found = await reader.readFile(path)
    reader.close()
    if (!found.equals(model.content)) throw new Error('another session reads something else')
    await fs.delete(path)
  })
  await t.resolves(fc.assert(property, { numRuns: Math.ceil(RUNS / 2), endOnFailure: true }))
})
