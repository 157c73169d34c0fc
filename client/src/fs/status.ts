/**
 * Attributes of a file or directory as the user of the library sees them: the server's answer with its
 * path, and the questions one asks of it. It is a value: it never changes and never asks the server again.
 */
import { FLAG, KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { joinPath } from './paths.ts'

export type KindName = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block-device' | 'char-device'

/** A time since 1970, exact to the nanosecond. */
export interface Time {
  readonly seconds: number
  /** 0 … 999,999,999. */
  readonly nanos: number
}

const KIND_NAMES: Readonly<Record<number, KindName>> = {
  [KIND.file]: 'file',
  [KIND.directory]: 'directory',
  [KIND.symlink]: 'symlink',
  [KIND.fifo]: 'fifo',
  [KIND.socket]: 'socket',
  [KIND.blockDevice]: 'block-device',
  [KIND.charDevice]: 'char-device',
}

export class FileStatus {
  /** Absolute path under which it was found. */
  readonly path: string
  /** Last name of the path; empty for the root. */
  readonly name: string
  /** Inode number; never reused, stays through renames. */
  readonly id: number
  /** One of the numbers in `KIND`. */
  readonly kind: number
  /** Permission bits with set-uid, set-gid and sticky: 0 … 0o7777. */
  readonly mode: number
  readonly owner: string
  readonly group: string
  /** Bytes; 0 for a directory. */
  readonly size: number
  readonly atime: Time
  readonly mtime: Time
  readonly ctime: Time
  readonly nlink: number
  /** Bytes; 0 for a directory. */
  readonly blockSize: number
  /** Copies of each block; 0 for a directory. */
  readonly replication: number
  /** Entries directly in a directory; 0 otherwise. */
  readonly children: number
  /** Grows when the content of a file changes hands or is replaced. */
  readonly generation: number
  /** Target of a symbolic link; empty otherwise. */
  readonly target: string
  /** Bits of `FLAG`. */
  readonly flags: number

  constructor(path: string, wire: WireStatus) {
    this.path = path
    this.name = path.slice(path.lastIndexOf('/') + 1)
    this.id = wire.id
    this.kind = wire.kind
    this.mode = wire.mode
    this.owner = wire.owner
    this.group = wire.group
    this.size = wire.size
    this.atime = { seconds: wire.atime, nanos: wire.atimeNs }
    this.mtime = { seconds: wire.mtime, nanos: wire.mtimeNs }
    this.ctime = { seconds: wire.ctime, nanos: wire.ctimeNs }
    this.nlink = wire.nlink
    this.blockSize = wire.blockSize
    this.replication = wire.replication
    this.children = wire.children
    this.generation = wire.generation
    this.target = wire.target
    this.flags = wire.flags
  }

  /** An entry of the directory at `parent`. */
  static ofChild(parent: string, wire: WireStatus): FileStatus {
    return new FileStatus(joinPath(parent, wire.name), wire)
  }

  get kindName(): KindName {
    return KIND_NAMES[this.kind] ?? 'file'
  }

  isFile(): boolean {
    return this.kind === KIND.file
  }

  isDirectory(): boolean {
    return this.kind === KIND.directory
  }

  isSymlink(): boolean {
    return this.kind === KIND.symlink
  }

  /** A writer has the file open; `size` is what it committed last. */
  get isOpen(): boolean {
    return (this.flags & FLAG.open) !== 0
  }

  /** There is more than the bits of the mode say: an access or a default ACL. */
  get hasAcl(): boolean {
    return (this.flags & (FLAG.accessAcl | FLAG.defaultAcl)) !== 0
  }

  /** The bytes live in the metadata store. */
  get isInline(): boolean {
    return (this.flags & FLAG.inline) !== 0
  }

  /** Last read, in milliseconds since 1970, with a fraction. */
  get atimeMs(): number {
    return millisecondsOf(this.atime)
  }

  /** Last change of the content, in milliseconds since 1970, with a fraction. */
  get mtimeMs(): number {
    return millisecondsOf(this.mtime)
  }

  /** Last change of content or attributes, in milliseconds since 1970, with a fraction. */
  get ctimeMs(): number {
    return millisecondsOf(this.ctime)
  }
}

export function millisecondsOf(time: Time): number {
  return time.seconds * 1000 + time.nanos / 1e6
}

/** From milliseconds since 1970, which may have a fraction and may lie before 1970. */
export function timeOfMilliseconds(ms: number): Time {
  const seconds = Math.floor(ms / 1000)
  const nanos = Math.min(Math.round((ms - seconds * 1000) * 1e6), 999_999_999)
  return { seconds, nanos }
}
