/** Numbers of POSIX errors by their names, as the kernel of this machine counts them. */
import { constants } from 'node:os'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { ProtocolError } from '../protocol/message-reader.ts'

/** Not among Node's constants: no such attribute, in Linux's numbers. */
const LINUX_ONLY: Readonly<Record<string, number>> = { ENODATA: 61, EILSEQ: 84, EPROTO: 71, ECANCELED: 125 }

/** An answer of the mount itself that is not a failure of Hopbine: a plain POSIX refusal. */
export class PosixError extends Error {
  override name = 'PosixError'
  readonly errno: string

  constructor(errno: string, message = errno) {
    super(message)
    this.errno = errno
  }
}

/** The positive number of a POSIX name; EIO's for a name that this machine does not know. */
export function errnoNumber(name: string): number {
  const known = (constants.errno as Readonly<Record<string, number>>)[name] ?? LINUX_ONLY[name]
  return known ?? constants.errno.EIO
}

/** The number for an expected failure, or undefined for a defect. */
export function errnoOf(error: unknown): number | undefined {
  if (error instanceof PosixError || error instanceof ProtocolError) return errnoNumber(error.errno)
  if (!isFsError(error)) return undefined
  // Who gave up waiting was interrupted; an answer that never came is an input/output error.
  if (error.code === 'CANCELLED') return constants.errno.EINTR
  if (error.code === 'TIMED_OUT') return constants.errno.EIO
  return errnoNumber(error.errno)
}
