/** Whole files in one call: all bytes in memory, for files that fit. */
import { constants } from 'node:buffer'
import { FsError } from '@hopbine/common/base/errors.ts'
import { FileMap } from './file-map.ts'
import type { CallOptions } from './options.ts'
import { readInto } from './read-range.ts'
import type { SequentialWriter } from './sequential-writer.ts'
import type { Session } from './session.ts'
import type { FileStatus } from './status.ts'

/** The content of a file at an absolute, checked path, as of when it was opened. */
export async function readWhole(session: Session, path: string, call: CallOptions): Promise<Buffer> {
  const map = await FileMap.open(session, path, 0, call)
  const { size } = map.status
  if (size > constants.MAX_LENGTH) {
    throw new FsError('INVALID_ARGUMENT', `${path} has ${size} bytes: too many for one buffer`, { path })
  }
  const content = Buffer.allocUnsafeSlow(size)
  const found = await readInto({ session, map }, content, 0, call)
  return content.subarray(0, found)
}

/** Writes everything and completes the file; gives it up when that fails. */
export async function writeWhole(writer: SequentialWriter, bytes: Uint8Array): Promise<FileStatus> {
  try {
    await writer.write(bytes)
    return await writer.finish()
  } catch (error) {
    await writer.abort()
    throw error
  }
}
