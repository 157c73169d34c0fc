/** Values that many methods share. */
import {
  bytes,
  type Codec,
  int,
  list,
  optional,
  record,
  text,
  u8,
  u16,
  u32,
  type ValueOf,
} from '../wire/codec.ts'
import type { Reader } from '../wire/reader.ts'
import type { Writer } from '../wire/writer.ts'

/** Kinds of inodes, as stored and as sent. Fifo and devices are metadata only. */
export const KIND = {
  file: 1,
  directory: 2,
  symlink: 3,
  fifo: 4,
  socket: 5,
  blockDevice: 6,
  charDevice: 7,
} as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** Bits of `FileStatus.flags`. */
export const FLAG = {
  /** A writer holds the lease; size is what was last committed. */
  open: 1,
  /** The bytes live in the metadata store. */
  inline: 2,
  /** There is an access ACL: the middle bits of the mode are its mask. */
  accessAcl: 4,
  /** A directory with a default ACL: what is made in it inherits that. */
  defaultAcl: 8,
  /** There are extended attributes besides ACLs. */
  xattrs: 16,
} as const

/** Attributes of one inode under one name. Times are whole seconds since 1970 and nanoseconds within. */
export interface FileStatus {
  id: number
  /** Last component of the path; empty for the root. */
  name: string
  kind: number
  /** Permission bits with set-uid, set-gid and sticky: 0 … 0o7777. */
  mode: number
  owner: string
  group: string
  /** Bytes; 0 for a directory. */
  size: number
  atime: number
  atimeNs: number
  mtime: number
  mtimeNs: number
  ctime: number
  ctimeNs: number
  nlink: number
  /** Bytes; 0 for a directory. */
  blockSize: number
  /** Copies of each block; 0 for a directory. */
  replication: number
  /** Entries directly in a directory; 0 otherwise. */
  children: number
  /** Bits of `FLAG`. */
  flags: number
  /** Grows when an open file's content changes hands or is replaced. */
  generation: number
  /** Target of a symbolic link, `MAJOR:MINOR` of a device; empty otherwise. */
  target: string
}

/**
 * Written by hand since it is on the way of every stat, open and listing; same bytes as a record of these
 * fields.
 */
export const fileStatus: Codec<FileStatus> = {
  shape:
    '{id:int,name:text,kind:u8,mode:u16,owner:text,group:text,size:int,atime:int,atimeNs:u32,mtime:int,' +
    'mtimeNs:u32,ctime:int,ctimeNs:u32,nlink:u32,blockSize:int,replication:u8,children:int,flags:u16,' +
    'generation:int,target:text}',
  missing: {
    id: 0,
    name: '',
    kind: 0,
    mode: 0,
    owner: '',
    group: '',
    size: 0,
    atime: 0,
    atimeNs: 0,
    mtime: 0,
    mtimeNs: 0,
    ctime: 0,
    ctimeNs: 0,
    nlink: 0,
    blockSize: 0,
    replication: 0,
    children: 0,
    flags: 0,
    generation: 0,
    target: '',
  },
  encode: encodeFileStatus,
  decode: decodeFileStatus,
}

function encodeFileStatus(writer: Writer, status: FileStatus): void {
  const start = writer.position
  writer.u32(0)
  writer.f64(status.id)
  writer.text(status.name)
  writer.u8(status.kind)
  writer.u16(status.mode)
  writer.text(status.owner)
  writer.text(status.group)
  writer.f64(status.size)
  writer.f64(status.atime)
  writer.u32(status.atimeNs)
  writer.f64(status.mtime)
  writer.u32(status.mtimeNs)
  writer.f64(status.ctime)
  writer.u32(status.ctimeNs)
  writer.u32(status.nlink)
  writer.f64(status.blockSize)
  writer.u8(status.replication)
  writer.f64(status.children)
  writer.u16(status.flags)
  writer.f64(status.generation)
  writer.text(status.target)
  writer.patchU32(start, writer.position - start - 4)
}

function decodeFileStatus(reader: Reader): FileStatus {
  const outer = reader.enter(reader.u32())
  const status: FileStatus = {
    id: reader.int(),
    name: reader.text(),
    kind: reader.u8(),
    mode: reader.u16(),
    owner: reader.text(),
    group: reader.text(),
    size: reader.int(),
    atime: reader.int(),
    atimeNs: reader.u32(),
    mtime: reader.int(),
    mtimeNs: reader.u32(),
    ctime: reader.int(),
    ctimeNs: reader.u32(),
    nlink: reader.u32(),
    blockSize: reader.int(),
    replication: reader.u8(),
    children: reader.int(),
    flags: reader.u16(),
    generation: reader.int(),
    target: reader.text(),
  }
  reader.leave(outer)
  return status
}

/** Where one datanode listens for block traffic. */
export const datanodeAddress = record({
  nodeId: text,
  host: text,
  port: u16,
})
export type DatanodeAddress = ValueOf<typeof datanodeAddress>

/**
 * A block that a client may use, with the right to do so. Members are ordered: the nearest, or the chain's
 * head, first.
 */
export const locatedBlock = record({
  blockId: int,
  generation: int,
  /** Placement group: the folder on the datanodes. */
  group: u32,
  members: list(datanodeAddress),
  /** Opaque to clients; datanodes check it. */
  capability: bytes,
})
export type LocatedBlock = ValueOf<typeof locatedBlock>

/** A piece of a file as its writer commits it: file range and place in a block, in bytes. */
export const extent = record({
  offset: int,
  length: int,
  blockId: int,
  blockOffset: int,
})
export type Extent = ValueOf<typeof extent>

/** Exact totals of a directory and everything below it; the directory itself counts. */
export const contentSummary = record({
  files: int,
  directories: int,
  /** Logical bytes. */
  bytes: int,
  /** Bytes times copies. */
  diskBytes: int,
  /** Limit on files and directories below and including this one; undefined: none. */
  nameQuota: optional(int),
  /** Limit on `diskBytes`; undefined: none. */
  spaceQuota: optional(int),
  /** Owner, for reports. */
  owner: text,
})
export type ContentSummary = ValueOf<typeof contentSummary>

/** One committed change, in the order of the log. */
export const changeEvent = record({
  /** Index of the log entry; several events of one entry share it and differ in `part`. */
  index: int,
  part: u32,
  seconds: int,
  nanos: u32,
  /** Name of the method that made it, or `reclaim`, `lease-expired`. */
  what: text,
  /** The inode concerned, and where: parent and name after the change. */
  inodeId: int,
  parentId: int,
  name: text,
  /** Set for renames: where it was. */
  oldParentId: int,
  oldName: text,
  kind: u8,
  size: int,
  /** User who did it. */
  user: text,
})
export type ChangeEvent = ValueOf<typeof changeEvent>

/** Payload of a failure frame. */
export const failure = record({
  code: u16,
  message: text,
  details: list(record({ key: text, text: optional(text), number: optional(int) })),
})
