/** What may be a name and a path. Pure; the same answer on every replica. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from '@hopbine/common/base/limits.ts'

/** Worst case of UTF-8 bytes for one UTF-16 unit. */
const BYTES_PER_UNIT_MAX = 3

export function checkName(name: string): void {
  if (name === '' || name === '.' || name === '..' || name.includes('\0') || name.includes('/')) {
    throw new FsError('INVALID_NAME', `${JSON.stringify(name)} cannot be a name`)
  }
  if (name.length * BYTES_PER_UNIT_MAX > NAME_BYTES_MAX && Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new FsError('NAME_TOO_LONG', `a name has at most ${NAME_BYTES_MAX} bytes`)
  }
}

/** Throws unless the path is absolute and within bounds. Components are checked where they are used. */
export function checkPath(path: string): void {
  if (path.charCodeAt(0) !== 47) {
    throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(path)} is not an absolute path`)
  }
  if (path.length * BYTES_PER_UNIT_MAX > PATH_BYTES_MAX && Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new FsError('NAME_TOO_LONG', `a path has at most ${PATH_BYTES_MAX} bytes`)
  }
}
