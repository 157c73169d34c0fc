/**
 * Bytes of a file unpacked for reading: gzip and zstd by their first bytes, deflate by the name's ending.
 * Others pass as they are. Hadoop's own sequence files are refused, since their bytes are no text.
 */
import { type Duplex, pipeline, Readable } from 'node:stream'
import { createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import { PathError } from './path-error.ts'

const GZIP = Buffer.from([0x1f, 0x8b])
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])
const SEQUENCE = Buffer.from('SEQ')
const MAGIC_BYTES_MAX = 4

export async function* decompressed(name: string, source: Readable): AsyncGenerator<Buffer> {
  const { start, rest } = await peek(source)
  const unpacker = unpackerOf(name, start)
  const whole = joined(start, rest)
  if (unpacker === undefined) return yield* whole
  // A failure of either side destroys the unpacker, and its reader below throws it.
  pipeline(Readable.from(whole), unpacker, () => undefined)
  try {
    yield* unpacker as AsyncIterable<Buffer>
  } catch (error) {
    throw isZlibError(error) ? new PathError(name, `Cannot unpack it: ${error.message}`) : error
  }
}

/** Errors of zlib carry its own number. */
function isZlibError(error: unknown): error is Error {
  return (
    error instanceof Error &&
    'errno' in error &&
    /^(Z_|ZSTD_)/.test(String((error as NodeJS.ErrnoException).code))
  )
}

function unpackerOf(name: string, start: Buffer): Duplex | undefined {
  if (startsWith(start, GZIP)) return createGunzip()
  if (startsWith(start, ZSTD)) return createZstdDecompress()
  if (startsWith(start, SEQUENCE)) throw new PathError(name, 'Sequence files are not supported; use -cat')
  return name.endsWith('.deflate') ? createInflate() : undefined
}

function startsWith(bytes: Buffer, magic: Buffer): boolean {
  return bytes.subarray(0, magic.length).equals(magic)
}

/** The first bytes, and an iterator over those that follow. */
async function peek(source: Readable): Promise<{ start: Buffer; rest: AsyncIterator<Buffer> }> {
  const rest = source[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  let start = Buffer.alloc(0)
  while (start.length < MAGIC_BYTES_MAX) {
    const step = await rest.next()
    if (step.done === true) break
    start = Buffer.concat([start, step.value])
  }
  return { start, rest }
}

async function* joined(start: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start
  for (let step = await rest.next(); step.done !== true; step = await rest.next()) yield step.value
}
