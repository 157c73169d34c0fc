/**
 * Turns a message from the kernel into a request. Pure: bytes in, a value out, or `ProtocolError`. It
 * trusts no length and no count of the message.
 */
import { GETATTR_HANDLE, IN_HEADER_BYTES, OPCODE } from './constants.ts'
import { MessageReader, ProtocolError } from './message-reader.ts'
import type {
  ForgetOne,
  KernelTime,
  LockRange,
  Request,
  RequestBodies,
  RequestHeader,
  RequestName,
} from './request.ts'

/** The header, or undefined when the bytes cannot be a message: then there is nobody to answer. */
export function decodeHeader(bytes: Buffer): RequestHeader | undefined {
  if (bytes.length < IN_HEADER_BYTES) return undefined
  const reader = new MessageReader(bytes, 0, IN_HEADER_BYTES)
  const header = {
    length: reader.u32(),
    opcode: reader.u32(),
    unique: reader.u64(),
    nodeId: reader.u64(),
    uid: reader.u32(),
    gid: reader.u32(),
    pid: reader.u32(),
  }
  return header.length === bytes.length && Number.isSafeInteger(header.unique) ? header : undefined
}

/**
 * The whole request; undefined for an operation that we do not know. Throws ProtocolError for a wrong body.
 */
export function decodeRequest(header: RequestHeader, bytes: Buffer): Request | undefined {
  const decoder = DECODERS[header.opcode]
  if (decoder === undefined) return undefined
  const body = decoder.decode(new MessageReader(bytes, IN_HEADER_BYTES, header.length), header)
  return { header, name: decoder.name, body } as Request
}

type BodyDecoders = {
  readonly [Name in RequestName]: (reader: MessageReader, header: RequestHeader) => RequestBodies[Name]
}

const EMPTY = {}

const BODIES: BodyDecoders = {
  init: reader => {
    const major = reader.u32()
    const minor = reader.u32()
    const readAheadBytes = reader.u32()
    const low = reader.u32()
    return { major, minor, readAheadBytes, flags: [low, reader.remaining >= 4 ? reader.u32() : 0] }
  },
  destroy: () => EMPTY,
  interrupt: reader => ({ unique: reader.u64() }),
  forget: (reader, { nodeId }) => ({ nodes: [{ nodeId, lookups: reader.u64() }] }),
  batchForget: reader => ({ nodes: forgets(reader) }),
  lookup: named,
  getattr: reader => {
    const flags = reader.u32()
    reader.skip(4)
    const handle = reader.u64()
    return { handle: flags & GETATTR_HANDLE ? handle : undefined }
  },
  setattr: attributes,
  readlink: () => EMPTY,
  symlink: reader => ({ name: reader.name(), target: reader.text() }),
  mknod: reader => {
    const [mode, device, umask] = [reader.u32(), reader.u32(), reader.u32()]
    reader.skip(4)
    return { mode, device, umask, name: reader.name() }
  },
  mkdir: reader => ({ mode: reader.u32(), umask: reader.u32(), name: reader.name() }),
  unlink: named,
  rmdir: named,
  rename: reader => ({ newParent: reader.u64(), flags: 0, name: reader.name(), newName: reader.name() }),
  rename2: reader => {
    const [newParent, flags] = [reader.u64(), reader.u32()]
    reader.skip(4)
    return { newParent, flags, name: reader.name(), newName: reader.name() }
  },
  link: reader => ({ oldNodeId: reader.u64(), name: reader.name() }),
  open: opening,
  create: reader => ({ ...newFile(reader), name: reader.name() }),
  // A slash stands where the name would be.
  tmpfile: newFile,
  read: reader => {
    const range = readRange(reader)
    reader.skip(4 + 8)
    const flags = reader.u32()
    return { ...range, flags }
  },
  write: reader => {
    const [handle, offset, size, writeFlags] = [reader.u64(), reader.u64(), reader.u32(), reader.u32()]
    reader.skip(8 + 4 + 4)
    return { handle, offset, writeFlags, data: reader.bytes(size) }
  },
  statfs: () => EMPTY,
  release,
  releasedir: release,
  flush: reader => {
    const handle = reader.u64()
    reader.skip(8)
    return { handle, lockOwner: reader.opaque64() }
  },
  fsync: handledFlags,
  fsyncdir: handledFlags,
  setxattr: reader => {
    const [size, flags] = [reader.u32(), reader.u32()]
    return { flags, name: reader.name(), value: reader.bytes(size) }
  },
  getxattr: reader => {
    const size = reader.u32()
    reader.skip(4)
    return { size, name: reader.name() }
  },
  listxattr: reader => ({ size: reader.u32() }),
  removexattr: named,
  opendir: opening,
  readdir: readRange,
  readdirplus: readRange,
  access: reader => ({ mask: reader.u32() }),
  getlk: lock,
  setlk: lock,
  setlkw: lock,
  fallocate: reader => ({
    handle: reader.u64(),
    offset: reader.u64(),
    length: reader.u64(),
    mode: reader.u32(),
  }),
  lseek: reader => ({ handle: reader.u64(), offset: reader.i64(), whence: reader.u32() }),
  copyFileRange: reader => ({
    handle: reader.u64(),
    offset: reader.u64(),
    toNodeId: reader.u64(),
    toHandle: reader.u64(),
    toOffset: reader.u64(),
    length: reader.u64(),
    flags: reader.u64(),
  }),
}

interface Decoder {
  readonly name: RequestName
  readonly decode: (reader: MessageReader, header: RequestHeader) => unknown
}

/** By opcode: a key of text would be looked up at every message. */
const DECODERS: readonly (Decoder | undefined)[] = Array.from({ length: 64 }, (_, opcode) => {
  const name = (Object.keys(OPCODE) as RequestName[]).find(each => OPCODE[each] === opcode)
  return name === undefined ? undefined : { name, decode: BODIES[name] }
})

function named(reader: MessageReader): { name: string } {
  return { name: reader.name() }
}

function newFile(reader: MessageReader): RequestBodies['tmpfile'] {
  return { flags: reader.u32(), mode: reader.u32(), umask: reader.u32(), openFlags: reader.u32() }
}

function opening(reader: MessageReader): { flags: number; openFlags: number } {
  return { flags: reader.u32(), openFlags: reader.u32() }
}

function readRange(reader: MessageReader): { handle: number; offset: number; size: number } {
  return { handle: reader.u64(), offset: reader.u64(), size: reader.u32() }
}

function handledFlags(reader: MessageReader): { handle: number; flags: number } {
  return { handle: reader.u64(), flags: reader.u32() }
}

function release(reader: MessageReader): RequestBodies['release'] {
  return { handle: reader.u64(), openFlags: reader.u32(), flags: reader.u32(), lockOwner: reader.opaque64() }
}

/** Bytes of one node in a list of nodes to forget. */
const FORGET_BYTES = 16

function forgets(reader: MessageReader): ForgetOne[] {
  const count = reader.u32()
  reader.skip(4)
  if (count * FORGET_BYTES > reader.remaining) {
    throw new ProtocolError('EINVAL', 'a list is longer than its message')
  }
  return Array.from({ length: count }, () => ({ nodeId: reader.u64(), lookups: reader.u64() }))
}

function attributes(reader: MessageReader): RequestBodies['setattr'] {
  const valid = reader.u32()
  reader.skip(4)
  const [handle, size] = [reader.u64(), reader.u64()]
  reader.skip(8)
  const [atimeSeconds, mtimeSeconds] = [reader.i64(), reader.i64()]
  reader.skip(8)
  const [atimeNanos, mtimeNanos] = [reader.u32(), reader.u32()]
  reader.skip(4)
  const mode = reader.u32()
  reader.skip(4)
  const [uid, gid] = [reader.u32(), reader.u32()]
  const atime: KernelTime = { seconds: atimeSeconds, nanos: atimeNanos }
  const mtime: KernelTime = { seconds: mtimeSeconds, nanos: mtimeNanos }
  return { valid, handle, size, atime, mtime, mode, uid, gid }
}

function lock(reader: MessageReader): LockRange {
  return {
    handle: reader.u64(),
    owner: reader.opaque64(),
    start: reader.u64(),
    end: reader.u64(),
    type: reader.u32(),
    pid: reader.u32(),
    flags: reader.u32(),
  }
}
