/** Where bytes of a file can be. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'

/** Throws INVALID_ARGUMENT unless a file can have bytes there. */
export function checkRange(position: number, length: number): void {
  if (Number.isSafeInteger(position) && position >= 0 && position + length <= FILE_BYTES_MAX) return
  throw new FsError('INVALID_ARGUMENT', `${length} bytes at ${position} lie outside of any file`)
}
