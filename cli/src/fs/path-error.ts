/**
 * Errors of `hopbine fs` in Hadoop's words: "`/path': what is wrong". Scripts read them, so the wording is
 * fixed.
 */
import { type ErrorCode, isFsError } from '@hopbine/common/base/errors.ts'
import { sentenceOf } from '../output/sentence.ts'

const WORDS = {
  missing: 'No such file or directory',
  exists: 'File exists',
  isDirectory: 'Is a directory',
  notDirectory: 'Is not a directory',
  notEmpty: 'Directory is not empty',
  denied: 'Permission denied',
  notPermitted: 'Operation not permitted',
} as const

const WORDS_BY_CODE: Partial<Record<ErrorCode, string>> = {
  NOT_FOUND: WORDS.missing,
  ALREADY_EXISTS: WORDS.exists,
  IS_A_DIRECTORY: WORDS.isDirectory,
  NOT_A_DIRECTORY: WORDS.notDirectory,
  NOT_EMPTY: WORDS.notEmpty,
  NOT_PERMITTED: WORDS.notPermitted,
}

/** Failures whose message speaks of servers and blocks and names no path. */
const OF_SERVERS: readonly ErrorCode[] = [
  'BUSY',
  'UNAVAILABLE',
  'TIMED_OUT',
  'CORRUPT',
  'BLOCK_NOT_FOUND',
  'NO_DATANODE',
  'NO_SPACE',
  'BAD_CAPABILITY',
  'LEASE_LOST',
  'INTERNAL',
]

const WORDS_BY_ERRNO: Readonly<Record<string, string>> = {
  ENOENT: WORDS.missing,
  EEXIST: WORDS.exists,
  EISDIR: WORDS.isDirectory,
  ENOTDIR: WORDS.notDirectory,
  ENOTEMPTY: WORDS.notEmpty,
  EACCES: WORDS.denied,
  EPERM: WORDS.notPermitted,
}

/** A command cannot do its work on one path; the others go on. */
export class PathError extends Error {
  override name = 'PathError'

  constructor(path: string, words: string, target?: string) {
    super(`\`${path}'${target === undefined ? '' : ` to \`${target}'`}: ${words}`)
  }

  static missing(path: string): PathError {
    return new PathError(path, WORDS.missing)
  }

  static exists(path: string): PathError {
    return new PathError(path, WORDS.exists)
  }

  static isDirectory(path: string): PathError {
    return new PathError(path, WORDS.isDirectory)
  }

  static notDirectory(path: string): PathError {
    return new PathError(path, WORDS.notDirectory)
  }
}

/** The words of an operation that failed without a path of its own to show. */
export class ShellError extends Error {
  override name = 'ShellError'
}

/**
 * What to print after the command's name; undefined for a defect. `path` is what the command was working
 * on.
 */
export function messageOf(error: unknown, path: string | undefined): string | undefined {
  if (error instanceof PathError || error instanceof ShellError) return error.message
  if (isFsError(error)) {
    // The server's own words say which part of the path denied whom; a bare code needs the path.
    if (error.code === 'ACCESS_DENIED') return deniedMessage(error.message)
    const words = WORDS_BY_CODE[error.code] ?? (OF_SERVERS.includes(error.code) ? error.message : undefined)
    return words === undefined || path === undefined ? error.message : `\`${path}': ${words}`
  }
  const errno = error instanceof Error ? (error as NodeJS.ErrnoException) : undefined
  const words = errno?.code === undefined ? undefined : WORDS_BY_ERRNO[errno.code]
  if (words !== undefined) return `\`${errno?.path ?? path ?? ''}': ${words}`
  return sentenceOf(error)
}

/** Scripts look for the first two words. */
function deniedMessage(message: string): string {
  return message.startsWith(WORDS.denied) ? message : `${WORDS.denied}: ${message}`
}
