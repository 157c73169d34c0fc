/** What callers may say to `FileSystem`: options of its methods and the shapes of its answers. Types only. */
import type { AclChange } from './acl.ts'
import type { Time } from './status.ts'

export interface ConnectOptions {
  /**
   * Folder of the installation, with `up.json` and `secrets/`. Default `$HOPBINE_HOME`, else `~/.hopbine`.
   */
  readonly home?: string
  /**
   * Path of the namenode's Unix socket; of several namenodes the paths of all, in the order of their numbers.
   * `home` is not read when this, `host` or `servers` is given.
   */
  readonly socket?: string | readonly string[]
  readonly host?: string
  readonly port?: number
  /**
   * Of several namenodes the addresses of all, in the order of their numbers, instead of `host` and `port`.
   */
  readonly servers?: readonly { readonly host: string; readonly port: number }[]
  /** Content of the token file; needed on TCP. */
  readonly token?: string
  /** Act as this user; only a superuser's connection may. Default: who the connection is. */
  readonly user?: string
  /** Groups of `user`, the primary one first. Default: one group of the user's name. */
  readonly groups?: readonly string[]
  /** How long a call may wait for a server that is away or busy, in milliseconds. Default 30,000. */
  readonly retryMs?: number
  /** Permission bits that new files and directories do not get. Default 0o022. */
  readonly umask?: number
}

export interface CallOptions {
  /** Ends the call with CANCELLED. A change that was already sent may still happen. */
  readonly signal?: AbortSignal | undefined
}

export interface MkdirOptions extends CallOptions {
  /** Permission bits before the umask. Default 0o777. */
  readonly mode?: number
  /** Default: that of the connection. */
  readonly umask?: number
}

export interface CreateOptions extends CallOptions {
  /** Replace a file of that name. Default false: ALREADY_EXISTS. */
  readonly overwrite?: boolean
  /** Make missing directories above. Default true. */
  readonly createParents?: boolean
  /** Permission bits before the umask. Default 0o666. */
  readonly mode?: number
  /** Default: that of the connection. */
  readonly umask?: number
  /** Copies of each block, 1 … 16. Default: the server's. */
  readonly replication?: number
  /** Largest block, in bytes, 1 MiB … 1 GiB. Default: the server's. */
  readonly blockSize?: number
}

export interface SetAclOptions extends CallOptions {
  /**
   * `replace`: the entries become the ACL. `modify`: they are added or get other rights. `remove`: those of
   * the same type and name go. Default `replace`.
   */
  readonly how?: AclChange
}

export interface OpenOptions extends CallOptions {
  /** First byte to read. Default 0. */
  readonly start?: number
  /** Byte after the last one to read; beyond the end of the file means its end. Default: the file's size. */
  readonly end?: number
}

export interface OpenFileOptions extends CreateOptions {
  /** Take the write lease; without it the handle reads only. Default false. */
  readonly write?: boolean
  /** Make the file if it is missing; implies `write`. Default false. */
  readonly create?: boolean
  /** With `create`: ALREADY_EXISTS if the file is there. Default false. */
  readonly exclusive?: boolean
}

export interface StatusOptions extends CallOptions {
  /** Follow a symbolic link at the end of the path. Default true. */
  readonly followLast?: boolean
}

export interface RenameOptions extends CallOptions {
  /**
   * `refuse` a taken name with ALREADY_EXISTS, `replace` it as rename(2) does, or `exchange` two existing
   * names. Default `refuse`.
   */
  readonly existing?: 'refuse' | 'replace' | 'exchange'
}

export interface DeleteOptions extends CallOptions {
  /** Remove a directory with everything in it; otherwise a full directory is NOT_EMPTY. Default false. */
  readonly recursive?: boolean
  /** Accept only a non-directory (IS_A_DIRECTORY) or only a directory (NOT_A_DIRECTORY). Default `any`. */
  readonly only?: 'any' | 'file' | 'directory'
}

export interface ListOptions extends CallOptions {
  /** Start after this name. Default: from the first. */
  readonly after?: string
  /** Entries asked for at a time, 1 … 1,000. Default 1,000. */
  readonly pageMax?: number
}

/** Milliseconds since 1970, or an exact time. */
export type TimeInput = number | Time

export interface NewTimes {
  /** Absent: stays as it is. */
  readonly atime?: TimeInput
  /** Absent: stays as it is. */
  readonly mtime?: TimeInput
}

export interface NewQuota {
  /** Limit on files and directories, this one included; `none` lifts it; absent: stays as it is. */
  readonly names?: number | 'none'
  /** Limit on bytes times copies; `none` lifts it; absent: stays as it is. */
  readonly bytes?: number | 'none'
}

/** What `delete` removed. */
export interface Removed {
  readonly files: number
  readonly directories: number
  readonly bytes: number
}

/** Room and names of the filesystem as seen at a path. */
export interface Room {
  readonly capacityBytes: number
  readonly usedBytes: number
  readonly freeBytes: number
  readonly names: number
  readonly namesFree: number
}

/** A part of a file that lies in one block. */
export interface BlockLocation {
  /** First byte of the part in the file. */
  readonly offset: number
  readonly length: number
  readonly blockId: number
  readonly blockOffset: number
  /** Datanodes that hold it, the nearest first. */
  readonly nodes: readonly { readonly nodeId: string; readonly host: string; readonly port: number }[]
}

export interface ChangesOptions extends CallOptions {
  /** Log index to start from; 0: the oldest kept. */
  readonly from: number
}
