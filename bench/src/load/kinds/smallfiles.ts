/**
 * Whole small files in one round trip each: writes every file of a set once, or reads files of it at random
 * and compares every byte.
 */
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { Load, Step } from '../load.ts'
import type { Job } from '../messages.ts'
import { SeededRandom } from '../random.ts'

export interface SmallfilesSpec {
  readonly name: 'smallfiles'
  readonly phase: 'write' | 'read'
  readonly base: string
  /** Of each generator. */
  readonly files: number
  readonly bytes: number
}

/** Seed of the bytes that all files share; the first eight tell them apart. */
const CONTENT_SEED = 7
const MODE = 0o644

export function smallfilesLoad(spec: SmallfilesSpec, job: Job): Load {
  const folder = `${spec.base}/${job.generator}`
  const random = new SeededRandom(job.seed)
  const content = contents(spec.bytes)
  let next = 0
  return {
    kinds: [spec.phase],
    async prepare(rpc) {
      if (spec.phase === 'write') await rpc.call(metadata.mkdirs, { path: folder, mode: 0o755 })
    },
    next(): Step | undefined {
      if (next >= spec.files) return undefined
      const number = spec.phase === 'write' ? next : random.below(spec.files)
      next += 1
      const path = `${folder}/file-${String(number).padStart(8, '0')}`
      if (spec.phase === 'read') return read(path, content(job.generator, number))
      return write(path, content(job.generator, number))
    },
  }
}

/** The content of a file by generator and number. */
function contents(bytes: number): (generator: number, number: number) => Buffer {
  const common = Buffer.alloc(bytes)
  const random = new SeededRandom(CONTENT_SEED)
  for (let at = 0; at < bytes; at++) common[at] = random.word() & 0xff
  return (generator, number) => {
    const own = Buffer.from(common)
    const head = `${generator}.${number}.........`.slice(0, Math.min(bytes, 16))
    own.write(head, 0, 'latin1')
    return own
  }
}

function write(path: string, inline: Buffer): Step {
  const request = {
    path,
    mode: MODE,
    ifExists: metadata.IF_EXISTS.fail,
    createParents: false,
    replication: 0,
    blockSize: 0,
    inline,
  }
  return {
    kind: 0,
    async run(rpc) {
      await rpc.call(metadata.create, request)
    },
  }
}

function read(path: string, expected: Buffer): Step {
  return {
    kind: 0,
    async run(rpc) {
      const { inline } = await rpc.call(metadata.open, { path, offset: 0, length: expected.length })
      if (inline === undefined || !expected.equals(inline)) throw new Error(`${path} has other bytes`)
    },
  }
}
