/**
 * One file as it should be, and random steps to take on a handle and on it alike. A step that reads something
 * else than the model has throws; it knows nothing of the cluster.
 */
import type { FileHandle, FileSystem } from '@hopbine/client/index.ts'
import fc from 'fast-check'
import { patternAt } from './content.ts'

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
export type FileStep = typeof step extends fc.Arbitrary<infer T> ? T : never

export function fileSteps(max: number): fc.Arbitrary<FileStep[]> {
  return fc.array(step, { minLength: 1, maxLength: max, size: 'max' })
}

/** The file as it should be: bytes up to `size` count. */
export class FileModel {
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
export async function takeStep(
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
