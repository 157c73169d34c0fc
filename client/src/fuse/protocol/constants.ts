/**
 * Numbers of the kernel's FUSE protocol that we speak (include/uapi/linux/fuse.h, versions 7.31 to 7.45).
 * Data only.
 */

/** What we offer; the kernel answers in the lower of its minor version and this one. */
export const VERSION_MAJOR = 7
export const VERSION_MINOR = 45
/** Kernels below this one (Linux 5.4) are refused: they lack what the mount relies on. */
export const VERSION_MINOR_OLDEST = 31

/** Node id of the mount's top directory. */
export const ROOT_NODE = 1

export const OPCODE = {
  lookup: 1,
  forget: 2,
  getattr: 3,
  setattr: 4,
  readlink: 5,
  symlink: 6,
  mknod: 8,
  mkdir: 9,
  unlink: 10,
  rmdir: 11,
  rename: 12,
  link: 13,
  open: 14,
  read: 15,
  write: 16,
  statfs: 17,
  release: 18,
  fsync: 20,
  setxattr: 21,
  getxattr: 22,
  listxattr: 23,
  removexattr: 24,
  flush: 25,
  init: 26,
  opendir: 27,
  readdir: 28,
  releasedir: 29,
  fsyncdir: 30,
  getlk: 31,
  setlk: 32,
  setlkw: 33,
  access: 34,
  create: 35,
  interrupt: 36,
  destroy: 38,
  batchForget: 42,
  fallocate: 43,
  readdirplus: 44,
  rename2: 45,
  lseek: 46,
  copyFileRange: 47,
  tmpfile: 51,
} as const
export type OperationName = keyof typeof OPCODE

/** Capabilities exchanged by INIT, as bit numbers: from 32 on they stand in the second word. */
export const CAPABILITY = {
  asyncRead: 0,
  posixLocks: 1,
  atomicTruncate: 3,
  exportSupport: 4,
  bigWrites: 5,
  doNotMask: 6,
  flockLocks: 10,
  autoInvalidateData: 12,
  readdirplus: 13,
  readdirplusAuto: 14,
  asyncDirectIo: 15,
  writebackCache: 16,
  parallelDirectoryOperations: 18,
  posixAcl: 20,
  abortError: 21,
  maxPages: 22,
  cacheSymlinks: 23,
  handleKillPrivileges2: 28,
  setxattrExtended: 29,
  initExtended: 30,
} as const
export type CapabilityName = keyof typeof CAPABILITY

/** Bits of SETATTR's `valid`: which attributes change. */
export const SETATTR = {
  mode: 1 << 0,
  uid: 1 << 1,
  gid: 1 << 2,
  size: 1 << 3,
  atime: 1 << 4,
  mtime: 1 << 5,
  handle: 1 << 6,
  atimeNow: 1 << 7,
  mtimeNow: 1 << 8,
  ctime: 1 << 10,
  killPrivileges: 1 << 11,
} as const

/** Bits of the answer to OPEN and OPENDIR. */
export const OPEN_FLAG = {
  directIo: 1 << 0,
  keepCache: 1 << 1,
  cacheDirectory: 1 << 3,
  /** Closing a descriptor is not told; only the last one's end is (7.35). */
  noFlush: 1 << 5,
} as const
/** Bits of WRITE's `writeFlags`. */
export const WRITE_FLAG = { fromCache: 1 << 0, killPrivileges: 1 << 2 } as const
/** Bit of OPEN's `openFlags`. */
export const OPEN_KILL_PRIVILEGES = 1 << 0
/** Bit of GETATTR's flags: `handle` is set. */
export const GETATTR_HANDLE = 1 << 0
/** Bit of the lock requests' flags: a BSD lock of the whole file. */
export const LOCK_FLOCK = 1 << 0

/** Bits of RENAME2's flags (linux/fs.h). */
export const RENAME_FLAG = { noReplace: 1 << 0, exchange: 1 << 1, whiteout: 1 << 2 } as const

/** Notifications, written with this number in the place of the error. */
export const NOTIFY = { invalidateInode: 2, invalidateEntry: 3, incrementEpoch: 8 } as const

/** Sizes of fixed structures, in bytes. */
export const IN_HEADER_BYTES = 40
export const OUT_HEADER_BYTES = 16
export const ATTRIBUTES_BYTES = 88
export const ENTRY_BYTES = 128
export const DIRENT_BYTES = 24
/** Message buffers hold a write of the largest size and this much around it. */
export const MESSAGE_EXTRA_BYTES = 4096
