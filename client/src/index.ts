/** The public door of the client library. */

export { type ErrorCode, FsError, isFsError } from '@hopbine/common/base/errors.ts'
export type { ChangeEvent, ContentSummary } from '@hopbine/common/protocol/types.ts'
export type { Acl, AclEntry, AclInput } from './fs/acl.ts'
export { FileHandle } from './fs/file-handle.ts'
export { FileSystem } from './fs/file-system.ts'
export { isPattern } from './fs/glob.ts'
export type {
  BlockLocation,
  CallOptions,
  ChangesOptions,
  ConnectOptions,
  CreateOptions,
  DeleteOptions,
  ListOptions,
  MkdirOptions,
  NewQuota,
  NewTimes,
  OpenFileOptions,
  OpenOptions,
  Removed,
  RenameOptions,
  Room,
  SetAclOptions,
  StatusOptions,
  TimeInput,
} from './fs/options.ts'
export { FileReadStream } from './fs/read-stream.ts'
export { FileStatus, type KindName, type Time } from './fs/status.ts'
export { FileWriteStream } from './fs/write-stream.ts'
