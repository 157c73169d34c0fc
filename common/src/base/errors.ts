/**
 * The one table of operating errors. Every door (RPC, FUSE, REST, WebHDFS) reads its column; there is no
 * second switch. Programmer errors are `AssertionError`s and never appear here.
 */

/**
 * When a caller may send the same request again: never, to the same node, or to another node after a fresh
 * look-up.
 */
export type RetryRule = 'never' | 'same-node' | 'other-node'

export interface ErrorRow {
  /** Number on the wire. Never reused, never changed. */
  readonly wire: number
  /** POSIX name that the mount answers with. */
  readonly errno: string
  readonly http: number
  /** Exception name that Hadoop clients branch on. */
  readonly java: string
  readonly retry: RetryRule
  /** What it means, in a sentence for people. */
  readonly sentence: string
}

const row = (
  wire: number,
  errno: string,
  http: number,
  java: string,
  retry: RetryRule,
  sentence: string,
): ErrorRow => ({ wire, errno, http, java, retry, sentence })

export const ERRORS = {
  NOT_FOUND: row(1, 'ENOENT', 404, 'FileNotFoundException', 'never', 'No such file or directory.'),
  ALREADY_EXISTS: row(2, 'EEXIST', 409, 'FileAlreadyExistsException', 'never', 'The name is taken.'),
  NOT_A_DIRECTORY: row(
    3,
    'ENOTDIR',
    409,
    'ParentNotDirectoryException',
    'never',
    'A part of the path is not a directory.',
  ),
  IS_A_DIRECTORY: row(4, 'EISDIR', 409, 'FileNotFoundException', 'never', 'The path is a directory.'),
  NOT_EMPTY: row(
    5,
    'ENOTEMPTY',
    409,
    'PathIsNotEmptyDirectoryException',
    'never',
    'The directory is not empty.',
  ),
  ACCESS_DENIED: row(6, 'EACCES', 403, 'AccessControlException', 'never', 'Permission denied.'),
  NOT_PERMITTED: row(
    7,
    'EPERM',
    403,
    'AccessControlException',
    'never',
    'Only the owner or a superuser may do this.',
  ),
  NAME_TOO_LONG: row(
    8,
    'ENAMETOOLONG',
    400,
    'PathComponentTooLongException',
    'never',
    'A name is over 255 bytes or a path over 4,096.',
  ),
  INVALID_ARGUMENT: row(
    9,
    'EINVAL',
    400,
    'IllegalArgumentException',
    'never',
    'A value of the request is not acceptable.',
  ),
  INVALID_NAME: row(
    10,
    'EINVAL',
    400,
    'InvalidPathException',
    'never',
    'A name is empty, ".", "..", holds NUL or "/", or is not UTF-8.',
  ),
  SYMLINK_LOOP: row(
    11,
    'ELOOP',
    409,
    'UnresolvedPathException',
    'never',
    'Too many symbolic links on the way.',
  ),
  NAME_QUOTA_EXCEEDED: row(
    12,
    'EDQUOT',
    403,
    'NSQuotaExceededException',
    'never',
    'The quota on names of a directory above is used up.',
  ),
  SPACE_QUOTA_EXCEEDED: row(
    13,
    'EDQUOT',
    403,
    'DSQuotaExceededException',
    'never',
    'The quota on bytes of a directory above is used up.',
  ),
  NO_SPACE: row(
    14,
    'ENOSPC',
    507,
    'IOException',
    'never',
    'A disk is full; writes are refused until there is space.',
  ),
  READ_ONLY: row(
    15,
    'EROFS',
    403,
    'SafeModeException',
    'never',
    'The filesystem serves reads only at present.',
  ),
  CROSS_SHARD: row(16, 'EXDEV', 409, 'IOException', 'never', 'The operation would span two shards.'),
  LEASE_CONFLICT: row(
    17,
    'EBUSY',
    409,
    'AlreadyBeingCreatedException',
    'never',
    'Another client has the file open for writing.',
  ),
  LEASE_LOST: row(
    18,
    'ESTALE',
    409,
    'LeaseExpiredException',
    'never',
    'This client no longer holds the write lease of the file.',
  ),
  STALE: row(19, 'ESTALE', 410, 'FileNotFoundException', 'never', 'The inode is gone or was replaced.'),
  NOT_LEADER: row(20, 'EAGAIN', 503, 'StandbyException', 'other-node', 'This node does not lead the shard.'),
  WRONG_SHARD: row(
    21,
    'EAGAIN',
    421,
    'StandbyException',
    'other-node',
    'Another shard holds this part of the tree.',
  ),
  BUSY: row(
    22,
    'EAGAIN',
    503,
    'RetriableException',
    'same-node',
    'The server is at a limit; try again shortly.',
  ),
  UNAVAILABLE: row(23, 'EIO', 503, 'ConnectException', 'same-node', 'The server cannot be reached.'),
  TIMED_OUT: row(24, 'ETIMEDOUT', 504, 'SocketTimeoutException', 'same-node', 'No answer came in time.'),
  CANCELLED: row(25, 'ECANCELED', 499, 'InterruptedIOException', 'never', 'The caller gave the request up.'),
  UNAUTHENTICATED: row(
    26,
    'EACCES',
    401,
    'AuthenticationException',
    'never',
    'The connection shows no valid token or certificate.',
  ),
  UNSUPPORTED: row(27, 'EOPNOTSUPP', 501, 'UnsupportedOperationException', 'never', 'This is not supported.'),
  UNKNOWN_METHOD: row(
    28,
    'ENOSYS',
    501,
    'UnsupportedOperationException',
    'never',
    'The server has no such method.',
  ),
  BAD_FRAME: row(29, 'EPROTO', 400, 'IOException', 'never', 'The bytes received are not a valid message.'),
  FRAME_TOO_LARGE: row(30, 'EMSGSIZE', 413, 'IOException', 'never', 'A message is over its size limit.'),
  VERSION_MISMATCH: row(
    31,
    'EPROTONOSUPPORT',
    400,
    'IOException',
    'never',
    'Client and server share no protocol version.',
  ),
  CORRUPT: row(
    32,
    'EIO',
    500,
    'ChecksumException',
    'other-node',
    'Stored bytes do not match their checksum.',
  ),
  BLOCK_NOT_FOUND: row(
    33,
    'EIO',
    404,
    'BlockMissingException',
    'other-node',
    'The datanode does not hold the block.',
  ),
  NO_DATANODE: row(34, 'EIO', 503, 'IOException', 'same-node', 'No live datanode can take the block.'),
  SESSION_EXPIRED: row(
    35,
    'ESTALE',
    410,
    'InvalidToken',
    'never',
    'The session or the answer kept for this request is gone.',
  ),
  BAD_CAPABILITY: row(
    36,
    'EACCES',
    403,
    'InvalidBlockTokenException',
    'never',
    'The block capability is missing, wrong or expired.',
  ),
  INTERNAL: row(37, 'EIO', 500, 'IOException', 'never', 'The server met a defect and says so in its log.'),
  NO_ATTRIBUTE: row(39, 'ENODATA', 404, 'IOException', 'never', 'The inode has no such extended attribute.'),
  TOO_MANY_LINKS: row(
    38,
    'EMLINK',
    409,
    'IOException',
    'never',
    'The file has as many names as it may have.',
  ),
  LEASED: row(
    40,
    'EAGAIN',
    503,
    'RetriableException',
    'same-node',
    'A mount holds directories; the namenode asks for them back, and tries again.',
  ),
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

const codeByWire = new Map<number, ErrorCode>()
for (const code of Object.keys(ERRORS) as ErrorCode[]) codeByWire.set(ERRORS[code].wire, code)

/** The code for a number from the wire; a number of a newer peer reads as INTERNAL. */
export function codeOfWire(wire: number): ErrorCode {
  return codeByWire.get(wire) ?? 'INTERNAL'
}

/**
 * An operating error: expected in the life of a system, told to the caller, never a defect of this process.
 */
export class FsError extends Error {
  override name = 'FsError'
  readonly code: ErrorCode
  /** Small facts for programs (path, limit, used, address of the leader …). */
  readonly details: Readonly<Record<string, string | number>>

  constructor(
    code: ErrorCode,
    message?: string,
    details: Record<string, string | number> = {},
    options?: ErrorOptions,
  ) {
    super(message ?? ERRORS[code].sentence, options)
    this.code = code
    this.details = details
  }

  get errno(): string {
    return ERRORS[this.code].errno
  }

  get retry(): RetryRule {
    return ERRORS[this.code].retry
  }
}

/** True for an `FsError`, of one code if given. */
export function isFsError(error: unknown, code?: ErrorCode): error is FsError {
  return error instanceof FsError && (code === undefined || error.code === code)
}

/** A disk error of Node turned into its operating error; anything unknown stays what it was. */
export function fromNodeError(error: NodeJS.ErrnoException, doing: string): Error {
  const code = error.code === undefined ? undefined : NODE_CODES[error.code]
  if (code === undefined) return error
  return new FsError(code, `${doing}: ${error.message}`, {}, { cause: error })
}

const NODE_CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'NO_SPACE',
  EDQUOT: 'NO_SPACE',
  EROFS: 'READ_ONLY',
  EACCES: 'ACCESS_DENIED',
  EPERM: 'NOT_PERMITTED',
  ENOENT: 'NOT_FOUND',
  ECONNREFUSED: 'UNAVAILABLE',
  ECONNRESET: 'UNAVAILABLE',
  EPIPE: 'UNAVAILABLE',
  ETIMEDOUT: 'TIMED_OUT',
}
