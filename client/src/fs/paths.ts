/**
 * Paths of the filesystem as text: made absolute, normalised and checked before any server sees them, with
 * the same codes that a server would answer. It never asks a server and never follows a symbolic link.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { NAME_BYTES_MAX, PATH_BYTES_MAX } from '@hopbine/common/base/limits.ts'

/** Home directory of a user; relative paths start there. */
export function homeOf(user: string): string {
  return `/user/${user}`
}

/**
 * The absolute, normalised form of `path`: relative paths start at `base`; empty parts and `.` vanish, `..`
 * goes up by text and stops at the root. Throws INVALID_NAME or NAME_TOO_LONG.
 */
export function resolvePath(base: string, path: string): string {
  if (path === '') throw new FsError('INVALID_NAME', 'a path is empty')
  const names: string[] = []
  const whole = path.startsWith('/') ? path : `${base}/${path}`
  for (const name of whole.split('/')) {
    if (name === '' || name === '.') continue
    if (name === '..') names.pop()
    else names.push(checkedName(name))
  }
  const resolved = `/${names.join('/')}`
  if (Buffer.byteLength(resolved) > PATH_BYTES_MAX) {
    throw new FsError('NAME_TOO_LONG', `a path has over ${PATH_BYTES_MAX} bytes`)
  }
  return resolved
}

/** The path of `name` in the directory `parent`, both already checked. */
export function joinPath(parent: string, name: string): string {
  return parent === '/' ? `/${name}` : `${parent}/${name}`
}

/** Directory of an absolute path; the root is its own. */
export function parentPath(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash <= 0 ? '/' : path.slice(0, slash)
}

/** Last name of an absolute path; empty for the root. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** The name itself if it may stand in a directory. Throws INVALID_NAME or NAME_TOO_LONG. */
export function checkedName(name: string): string {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new FsError('INVALID_NAME', `${JSON.stringify(name)} cannot be a name`)
  }
  // A lone surrogate has no UTF-8 form, so the server could never show the name again.
  if (!name.isWellFormed()) throw new FsError('INVALID_NAME', 'a name is not valid Unicode')
  if (name.length * 3 > NAME_BYTES_MAX && Buffer.byteLength(name) > NAME_BYTES_MAX) {
    throw new FsError('NAME_TOO_LONG', `a name has over ${NAME_BYTES_MAX} bytes`)
  }
  return name
}
