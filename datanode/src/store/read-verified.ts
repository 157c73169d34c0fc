/** Reads a range of a block's data, and verifies every chunk that it touches. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import { chunkStart } from '@hopbine/common/wire/chunk-crc.ts'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import { readAt } from './disk.ts'

export interface VerifiedRead {
  readonly fd: number
  readonly blockId: number
  /** Bytes of the block. */
  readonly length: number
  readonly position: number
  readonly end: number
  /** Checksum of the chunk that starts there. */
  expectedCrc(chunkOffset: number): number | undefined
}

/** `memory` holds all chunks touched. Answers the bytes asked for and the checksum of each piece of them. */
export async function readVerified(
  { fd, blockId, length, position, end, expectedCrc }: VerifiedRead,
  memory: Buffer,
): Promise<{ bytes: Buffer; crcs: number[] }> {
  const start = chunkStart(position)
  const stop = Math.min(length, chunkStart(end - 1) + CHECKSUM_CHUNK_BYTES)
  const whole = memory.subarray(0, stop - start)
  if ((await readAt(fd, whole, start)) < whole.length) {
    throw new FsError('CORRUPT', `block ${blockId} is shorter than ${stop} bytes`)
  }
  const crcs: number[] = []
  for (let at = start; at < stop; at += CHECKSUM_CHUNK_BYTES) {
    const chunk = whole.subarray(at - start, at - start + CHECKSUM_CHUNK_BYTES)
    const crc = crc32c(chunk)
    if (crc !== expectedCrc(at)) {
      throw new FsError('CORRUPT', `block ${blockId} fails its checksum at ${at}`, { offset: at })
    }
    const from = Math.max(position - at, 0)
    const to = Math.min(end - at, chunk.length)
    crcs.push(from === 0 && to === chunk.length ? crc : crc32c(chunk.subarray(from, to)))
  }
  return { bytes: whole.subarray(position - start, end - start), crcs }
}
