/**
 * Attributes between Hopbine and the kernel: kinds, modes, owners, times. Pure but for the table of names.
 */
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { Attributes } from '../protocol/encode.ts'
import type { KernelTime } from '../protocol/request.ts'
import type { Identity } from './identity.ts'

/** Bits of a mode that say what kind of file it is (inode(7)). */
export const TYPE_MASK = 0o170000
export const TYPE = {
  fifo: 0o010000,
  charDevice: 0o020000,
  directory: 0o040000,
  blockDevice: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
  socket: 0o140000,
} as const

const TYPE_OF_KIND: Readonly<Record<number, number>> = {
  [KIND.file]: TYPE.file,
  [KIND.directory]: TYPE.directory,
  [KIND.symlink]: TYPE.symlink,
  [KIND.fifo]: TYPE.fifo,
  [KIND.socket]: TYPE.socket,
  [KIND.blockDevice]: TYPE.blockDevice,
  [KIND.charDevice]: TYPE.charDevice,
}

/** What programs should read and write at a time, in bytes. */
const IO_BYTES = 64 * 1024
/** Room is counted in units of so many bytes. */
const ALLOCATION_BYTES = 4096
const SECTOR_BYTES = 512

/** What an open file knows better than the namenode: bytes written and not committed yet. */
export interface Overlay {
  readonly size: number
  /** When content was last written; undefined: the namenode knows. */
  readonly changed: KernelTime | undefined
}

export function attributesOf(
  status: WireStatus,
  inode: number,
  identity: Identity,
  overlay: Overlay | undefined,
  atime: KernelTime = { seconds: status.atime, nanos: status.atimeNs },
): Attributes {
  const size = overlay?.size ?? (status.kind === KIND.directory ? directorySize(status) : status.size)
  const mtime = overlay?.changed ?? { seconds: status.mtime, nanos: status.mtimeNs }
  const ctime = overlay?.changed ?? { seconds: status.ctime, nanos: status.ctimeNs }
  return {
    inode,
    size,
    blocks: Math.ceil(size / ALLOCATION_BYTES) * (ALLOCATION_BYTES / SECTOR_BYTES),
    atime,
    mtime,
    ctime,
    mode: (TYPE_OF_KIND[status.kind] ?? TYPE.file) | status.mode,
    nlink: status.nlink,
    uid: identity.uidOf(status.owner),
    gid: identity.gidOf(status.group),
    device: isDevice(status.kind) ? deviceOf(status.target) : 0,
    blockSize: IO_BYTES,
  }
}

/** d_type of a directory entry: the type bits of the mode, shifted down. */
export function entryType(kind: number): number {
  return (TYPE_OF_KIND[kind] ?? TYPE.file) >> 12
}

/** The kind for the type bits of a mode; undefined if nothing has them. */
export function kindOfType(type: number): number | undefined {
  const found = Object.entries(TYPE_OF_KIND).find(([, bits]) => bits === type)
  return found === undefined ? undefined : Number(found[0])
}

/** A directory shows a size that grows with its entries, as programs expect that look for changes by it. */
function directorySize(status: WireStatus): number {
  const ENTRY_BYTES = 32
  return Math.max(1, Math.ceil((status.children * ENTRY_BYTES) / ALLOCATION_BYTES)) * ALLOCATION_BYTES
}

export function isDevice(kind: number): boolean {
  return kind === KIND.blockDevice || kind === KIND.charDevice
}

/**
 * A device's numbers are kept as the text `MAJOR:MINOR`. The kernel packs them into 32 bits
 * (new_encode_dev).
 */
export function deviceOf(target: string): number {
  const [major = 0, minor = 0] = target.split(':').map(Number)
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
}

export function deviceText(device: number): string {
  const major = (device & 0xfff00) >>> 8
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00)
  return `${major}:${minor}`
}

/** The clock now, in the kernel's form. */
export function now(): KernelTime {
  const ms = Date.now()
  const fraction = performance.timeOrigin + performance.now()
  const nanos = Math.floor((fraction - Math.floor(fraction)) * 1e6) % 1e6
  return { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1e6 + nanos }
}
