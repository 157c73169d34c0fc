/** The requests of the kernel as values: what each carries besides the header. Types only. */

export interface RequestHeader {
  /** Whole message, in bytes. */
  readonly length: number
  readonly opcode: number
  /** The kernel's number of the request, which the answer repeats. */
  readonly unique: number
  readonly nodeId: number
  readonly uid: number
  readonly gid: number
  /** Thread that asks; 0 from another space of process numbers. */
  readonly pid: number
}

export interface KernelTime {
  /** Since 1970; may be negative. */
  readonly seconds: number
  readonly nanos: number
}

export interface LockRange {
  readonly handle: number
  readonly owner: bigint
  readonly start: number
  /** Last byte; 2^63 − 1 and beyond mean the end of any file. */
  readonly end: number
  /** F_RDLCK 0, F_WRLCK 1, F_UNLCK 2. */
  readonly type: number
  readonly pid: number
  readonly flags: number
}

interface Named {
  readonly name: string
}

interface Handled {
  readonly handle: number
}

interface ReadShape extends Handled {
  readonly offset: number
  readonly size: number
}

interface NewFileShape {
  readonly flags: number
  readonly mode: number
  readonly umask: number
  readonly openFlags: number
}

interface RenameShape {
  readonly name: string
  readonly newParent: number
  readonly newName: string
  readonly flags: number
}

interface ReleaseShape extends Handled {
  readonly openFlags: number
  readonly flags: number
  readonly lockOwner: bigint
}

export interface ForgetOne {
  readonly nodeId: number
  readonly lookups: number
}

/** Body of each request by the name of its operation. */
export interface RequestBodies {
  readonly init: {
    readonly major: number
    readonly minor: number
    readonly readAheadBytes: number
    /** Both words of capabilities. */
    readonly flags: readonly [number, number]
  }
  readonly destroy: Record<string, never>
  readonly interrupt: { readonly unique: number }
  readonly forget: { readonly nodes: readonly ForgetOne[] }
  readonly batchForget: { readonly nodes: readonly ForgetOne[] }
  readonly lookup: Named
  /** `handle` only if the kernel has one. */
  readonly getattr: { readonly handle: number | undefined }
  readonly setattr: {
    readonly valid: number
    readonly handle: number
    readonly size: number
    readonly atime: KernelTime
    readonly mtime: KernelTime
    readonly mode: number
    readonly uid: number
    readonly gid: number
  }
  readonly readlink: Record<string, never>
  readonly symlink: Named & { readonly target: string }
  readonly mknod: Named & { readonly mode: number; readonly device: number; readonly umask: number }
  readonly mkdir: Named & { readonly mode: number; readonly umask: number }
  readonly unlink: Named
  readonly rmdir: Named
  readonly rename: RenameShape
  readonly rename2: RenameShape
  readonly link: Named & { readonly oldNodeId: number }
  readonly open: { readonly flags: number; readonly openFlags: number }
  readonly create: Named & NewFileShape
  /** A file without a name, in the directory of the header. */
  readonly tmpfile: NewFileShape
  readonly read: ReadShape & { readonly flags: number }
  /** `data` is a view of the message: valid until the handler first waits. */
  readonly write: Handled & { readonly offset: number; readonly writeFlags: number; readonly data: Buffer }
  readonly statfs: Record<string, never>
  readonly release: ReleaseShape
  readonly releasedir: ReleaseShape
  readonly flush: Handled & { readonly lockOwner: bigint }
  readonly fsync: Handled & { readonly flags: number }
  readonly fsyncdir: Handled & { readonly flags: number }
  readonly setxattr: Named & { readonly flags: number; readonly value: Buffer }
  /** `size` 0 asks how large the value is. */
  readonly getxattr: Named & { readonly size: number }
  readonly listxattr: { readonly size: number }
  readonly removexattr: Named
  readonly opendir: { readonly flags: number; readonly openFlags: number }
  readonly readdir: ReadShape
  readonly readdirplus: ReadShape
  /** `mask` as access(2) has it: 4 read, 2 write, 1 execute. */
  readonly access: { readonly mask: number }
  readonly getlk: LockRange
  readonly setlk: LockRange
  readonly setlkw: LockRange
  readonly fallocate: Handled & { readonly offset: number; readonly length: number; readonly mode: number }
  readonly lseek: Handled & { readonly offset: number; readonly whence: number }
  readonly copyFileRange: Handled & {
    readonly offset: number
    readonly toNodeId: number
    readonly toHandle: number
    readonly toOffset: number
    readonly length: number
    readonly flags: number
  }
}

export type RequestName = keyof RequestBodies

/** A request of one operation. */
export interface RequestOf<Name extends RequestName> {
  readonly header: RequestHeader
  readonly name: Name
  readonly body: RequestBodies[Name]
}

/** A request of any kind: `name` tells which body it has. */
export type Request = { [Name in RequestName]: RequestOf<Name> }[RequestName]
