/**
 * One large file through the client library: written as a stream with a sync at its end, read as a stream,
 * overwritten piece by piece at random, or compared byte by byte. One operation is the whole file.
 */
import { FileSystem } from '@hopbine/client/index.ts'
import { CHUNK_BYTES, FileContent, PIECE_BYTES } from '../file-content.ts'
import type { Load } from '../load.ts'
import type { Job } from '../messages.ts'
import { SeededRandom } from '../random.ts'

export interface StreamSpec {
  readonly name: 'stream'
  readonly phase: 'write' | 'read' | 'overwrite' | 'verify'
  readonly path: string
  readonly mebibytes: number
  /** Copies of each block; 0: the server's default. */
  readonly replication: number
  /** Pieces that `overwrite` writes, and that `verify` expects to have been overwritten. */
  readonly overwrites: number
}

const OVERWRITE_SEED = 23

export function streamLoad(spec: StreamSpec, job: Job): Load {
  let fs: FileSystem | undefined
  let isOver = false
  return {
    kinds: [spec.phase],
    async prepare() {
      fs = await connect(job)
    },
    next() {
      if (isOver || fs === undefined) return undefined
      isOver = true
      const session = fs
      return { kind: 0, run: () => PHASES[spec.phase](session, spec) }
    },
    async finish() {
      fs?.close()
    },
    counts: () => ({ rssPeakBytes: process.resourceUsage().maxRSS * 1024 }),
  }
}

/** A session of the client library where the job says. */
export function connect({ door, retryMs }: Job): Promise<FileSystem> {
  const { token, address, others = [] } = door
  const all = [address, ...others.map(seed => seed.address)]
  const sockets = all.flatMap(each => ('path' in each ? [each.path] : []))
  const servers = all.flatMap(each => ('path' in each ? [] : [each]))
  const where = sockets.length > 0 ? { socket: sockets } : { servers }
  return FileSystem.connect({
    ...where,
    ...(token === undefined ? {} : { token }),
    ...(retryMs === undefined ? {} : { retryMs }),
  })
}

const PHASES: Readonly<Record<StreamSpec['phase'], (fs: FileSystem, spec: StreamSpec) => Promise<void>>> = {
  async write(fs, { path, mebibytes, replication }) {
    const content = new FileContent()
    const copies = replication === 0 ? {} : { replication }
    const stream = await fs.create(path, { overwrite: true, ...copies })
    for (let number = 0; number < mebibytes; number++) {
      if (stream.write(content.chunk(number))) continue
      await new Promise(resolve => stream.once('drain', resolve))
    }
    await stream.sync()
    await new Promise<void>((resolve, reject) => {
      stream.once('error', reject)
      stream.end(resolve)
    })
  },
  async read(fs, { path, mebibytes }) {
    let bytes = 0
    for await (const part of await fs.open(path)) bytes += (part as Buffer).length
    if (bytes !== mebibytes * CHUNK_BYTES) throw new Error(`${path} has ${bytes} bytes`)
  },
  async overwrite(fs, { path, mebibytes, overwrites }) {
    const content = new FileContent()
    const handle = await fs.openFile(path, { write: true })
    for (const piece of overwritten(mebibytes, overwrites)) {
      await handle.write(content.rewrite(piece), piece * PIECE_BYTES)
    }
    await handle.sync()
    await handle.close()
  },
  async verify(fs, { path, mebibytes, overwrites }) {
    const content = new FileContent()
    for (const piece of overwritten(mebibytes, overwrites)) content.rewrite(piece)
    const handle = await fs.openFile(path)
    const found = Buffer.alloc(CHUNK_BYTES)
    for (let number = 0; number < mebibytes; number++) {
      const bytes = await handle.read(found, number * CHUNK_BYTES)
      if (bytes !== CHUNK_BYTES || !found.equals(content.chunk(number))) {
        throw new Error(`${path} has other bytes in the MiB from ${number * CHUNK_BYTES}`)
      }
    }
    await handle.close()
  },
}

/** Numbers of the pieces that are overwritten, in order; the same each time. */
function* overwritten(mebibytes: number, overwrites: number): Generator<number> {
  const random = new SeededRandom(OVERWRITE_SEED)
  const pieces = (mebibytes * CHUNK_BYTES) / PIECE_BYTES
  for (let count = 0; count < overwrites; count++) yield random.below(pieces)
}
