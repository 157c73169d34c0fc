/**
 * Turns answers and notifications into messages for the kernel. Pure: values in, bytes out. Each function
 * makes a whole message with its header; the unique number 0 marks a notification.
 */
import {
  ATTRIBUTES_BYTES,
  DIRENT_BYTES,
  ENTRY_BYTES,
  NOTIFY,
  OUT_HEADER_BYTES,
  VERSION_MAJOR,
} from './constants.ts'
import type { KernelTime } from './request.ts'

/** Attributes of one inode as stat(2) shows them. */
export interface Attributes {
  readonly inode: number
  readonly size: number
  /** Units of 512 bytes. */
  readonly blocks: number
  readonly atime: KernelTime
  readonly mtime: KernelTime
  readonly ctime: KernelTime
  /** With the bits of the file's type. */
  readonly mode: number
  readonly nlink: number
  readonly uid: number
  readonly gid: number
  /** Number of a device, as makedev(3) packs it for the kernel. */
  readonly device: number
  readonly blockSize: number
}

/** How long the kernel may use what it was told, in milliseconds. */
export interface Lifetimes {
  readonly entryMs: number
  readonly attributesMs: number
}

export interface Entry {
  readonly nodeId: number
  readonly attributes: Attributes
  readonly lifetimes: Lifetimes
}

export interface InitAnswer {
  readonly minor: number
  readonly readAheadBytes: number
  readonly flags: readonly [number, number]
  readonly backgroundMax: number
  readonly congestionThreshold: number
  readonly writeBytesMax: number
  readonly pagesMax: number
}

export interface Room {
  readonly blocks: number
  readonly blocksFree: number
  readonly files: number
  readonly filesFree: number
  readonly blockSize: number
  readonly nameBytesMax: number
}

const WORD = 2 ** 32

/** A message with room for `bytes` behind its header. */
function message(unique: number, bytes: number): Buffer {
  const out = Buffer.allocUnsafe(OUT_HEADER_BYTES + bytes)
  out.writeUInt32LE(out.length, 0)
  out.writeInt32LE(0, 4)
  putU64(out, 8, unique)
  return out
}

function putU64(out: Buffer, at: number, value: number): void {
  out.writeUInt32LE(value % WORD, at)
  out.writeUInt32LE(Math.floor(value / WORD), at + 4)
}

/** Two's complement; exact within ±2^53. */
function putI64(out: Buffer, at: number, value: number): void {
  const high = Math.floor(value / WORD)
  out.writeUInt32LE(value - high * WORD, at)
  out.writeInt32LE(high, at + 4)
}

/** An answer without a body. */
export function encodeDone(unique: number): Buffer {
  return message(unique, 0)
}

/** `errno` is the positive number of the error. */
export function encodeError(unique: number, errno: number): Buffer {
  const out = message(unique, 0)
  out.writeInt32LE(-errno, 4)
  return out
}

/** The header alone of an answer whose body is written behind it. */
export function encodeDataHeader(unique: number, bytes: number): Buffer {
  const out = message(unique, 0)
  out.writeUInt32LE(OUT_HEADER_BYTES + bytes, 0)
  return out
}

export function encodeData(unique: number, data: Uint8Array): Buffer {
  const out = message(unique, data.length)
  out.set(data, OUT_HEADER_BYTES)
  return out
}

export function encodeEntry(unique: number, entry: Entry): Buffer {
  const out = message(unique, ENTRY_BYTES)
  putEntry(out, OUT_HEADER_BYTES, entry)
  return out
}

/** Says for a while that there is nothing of that name. */
export function encodeNegativeEntry(unique: number, entryMs: number): Buffer {
  const out = message(unique, ENTRY_BYTES)
  out.fill(0, OUT_HEADER_BYTES)
  putLifetime(out, OUT_HEADER_BYTES + 16, OUT_HEADER_BYTES + 32, entryMs)
  return out
}

export function encodeAttributes(unique: number, attributes: Attributes, lifetimeMs: number): Buffer {
  const out = message(unique, 16 + ATTRIBUTES_BYTES)
  putLifetime(out, OUT_HEADER_BYTES, OUT_HEADER_BYTES + 8, lifetimeMs)
  out.writeUInt32LE(0, OUT_HEADER_BYTES + 12)
  putAttributes(out, OUT_HEADER_BYTES + 16, attributes)
  return out
}

export function encodeOpen(unique: number, handle: number, flags: number): Buffer {
  const out = message(unique, 16)
  putOpen(out, OUT_HEADER_BYTES, handle, flags)
  return out
}

export function encodeCreate(unique: number, entry: Entry, handle: number, flags: number): Buffer {
  const out = message(unique, ENTRY_BYTES + 16)
  putEntry(out, OUT_HEADER_BYTES, entry)
  putOpen(out, OUT_HEADER_BYTES + ENTRY_BYTES, handle, flags)
  return out
}

/** How many bytes were written or copied, or how long an attribute's value is. */
export function encodeSize(unique: number, size: number): Buffer {
  const out = message(unique, 8)
  out.writeUInt32LE(size, OUT_HEADER_BYTES)
  out.writeUInt32LE(0, OUT_HEADER_BYTES + 4)
  return out
}

export function encodeOffset(unique: number, offset: number): Buffer {
  const out = message(unique, 8)
  putU64(out, OUT_HEADER_BYTES, offset)
  return out
}

export function encodeLock(
  unique: number,
  lock: { readonly start: number; readonly end: bigint; readonly type: number; readonly pid: number },
): Buffer {
  const out = message(unique, 24)
  putU64(out, OUT_HEADER_BYTES, lock.start)
  out.writeBigUInt64LE(lock.end, OUT_HEADER_BYTES + 8)
  out.writeUInt32LE(lock.type, OUT_HEADER_BYTES + 16)
  out.writeUInt32LE(lock.pid, OUT_HEADER_BYTES + 20)
  return out
}

export function encodeRoom(unique: number, room: Room): Buffer {
  const out = message(unique, 80)
  out.fill(0, OUT_HEADER_BYTES)
  const at = OUT_HEADER_BYTES
  putU64(out, at, room.blocks)
  putU64(out, at + 8, room.blocksFree)
  putU64(out, at + 16, room.blocksFree)
  putU64(out, at + 24, room.files)
  putU64(out, at + 32, room.filesFree)
  out.writeUInt32LE(room.blockSize, at + 40)
  out.writeUInt32LE(room.nameBytesMax, at + 44)
  out.writeUInt32LE(room.blockSize, at + 48)
  return out
}

export function encodeInit(unique: number, answer: InitAnswer): Buffer {
  const out = message(unique, 64)
  out.fill(0, OUT_HEADER_BYTES)
  const at = OUT_HEADER_BYTES
  out.writeUInt32LE(VERSION_MAJOR, at)
  out.writeUInt32LE(answer.minor, at + 4)
  out.writeUInt32LE(answer.readAheadBytes, at + 8)
  out.writeUInt32LE(answer.flags[0] >>> 0, at + 12)
  out.writeUInt16LE(answer.backgroundMax, at + 16)
  out.writeUInt16LE(answer.congestionThreshold, at + 18)
  out.writeUInt32LE(answer.writeBytesMax, at + 20)
  // Times are exact to one nanosecond.
  out.writeUInt32LE(1, at + 24)
  out.writeUInt16LE(answer.pagesMax, at + 28)
  out.writeUInt32LE(answer.flags[1] >>> 0, at + 32)
  return out
}

/**
 * The kernel forgets attributes of a node, and its pages from `offset` on (a negative offset: none of
 * them).
 */
export function encodeInvalidateInode(nodeId: number, offset: number, length: number): Buffer {
  const out = message(0, 24)
  out.writeInt32LE(NOTIFY.invalidateInode, 4)
  putU64(out, OUT_HEADER_BYTES, nodeId)
  putI64(out, OUT_HEADER_BYTES + 8, offset)
  putI64(out, OUT_HEADER_BYTES + 16, length)
  return out
}

/** The kernel forgets what a name in a directory stands for. */
export function encodeInvalidateEntry(parentId: number, name: string): Buffer {
  const nameBytes = Buffer.byteLength(name)
  const out = message(0, 16 + nameBytes + 1)
  out.writeInt32LE(NOTIFY.invalidateEntry, 4)
  putU64(out, OUT_HEADER_BYTES, parentId)
  out.writeUInt32LE(nameBytes, OUT_HEADER_BYTES + 8)
  out.writeUInt32LE(0, OUT_HEADER_BYTES + 12)
  out.write(name, OUT_HEADER_BYTES + 16)
  out[out.length - 1] = 0
  return out
}

/** Every cached entry of the mount is looked up anew; takes no lock in the kernel (7.44). */
export function encodeIncrementEpoch(): Buffer {
  const out = message(0, 0)
  out.writeInt32LE(NOTIFY.incrementEpoch, 4)
  return out
}

/** Gathers directory entries for READDIR or READDIRPLUS up to the size that the kernel asked for. */
export class DirectoryPage {
  readonly #out: Buffer
  readonly #unique: number
  #at = OUT_HEADER_BYTES

  constructor(unique: number, bytesMax: number) {
    this.#unique = unique
    this.#out = Buffer.allocUnsafe(OUT_HEADER_BYTES + bytesMax)
  }

  get isEmpty(): boolean {
    return this.#at === OUT_HEADER_BYTES
  }

  /** False, and nothing added, when there is no room. `cookie` is where reading goes on behind this entry. */
  add(name: string, inode: number, type: number, cookie: number): boolean {
    const nameBytes = Buffer.byteLength(name)
    const end = this.#at + padded(DIRENT_BYTES + nameBytes)
    if (end > this.#out.length) return false
    this.#put(name, nameBytes, inode, type, cookie)
    return true
  }

  /** The same with attributes; an entry of node 0 tells nothing but the name. */
  addPlus(name: string, type: number, cookie: number, inode: number, entry: Entry | undefined): boolean {
    const nameBytes = Buffer.byteLength(name)
    const end = this.#at + ENTRY_BYTES + padded(DIRENT_BYTES + nameBytes)
    if (end > this.#out.length) return false
    if (entry === undefined) this.#out.fill(0, this.#at, this.#at + ENTRY_BYTES)
    else putEntry(this.#out, this.#at, entry)
    this.#at += ENTRY_BYTES
    this.#put(name, nameBytes, inode, type, cookie)
    return true
  }

  finish(): Buffer {
    this.#out.writeUInt32LE(this.#at, 0)
    this.#out.writeInt32LE(0, 4)
    putU64(this.#out, 8, this.#unique)
    return this.#out.subarray(0, this.#at)
  }

  #put(name: string, nameBytes: number, inode: number, type: number, cookie: number): void {
    const at = this.#at
    putU64(this.#out, at, inode)
    putU64(this.#out, at + 8, cookie)
    this.#out.writeUInt32LE(nameBytes, at + 16)
    this.#out.writeUInt32LE(type, at + 20)
    this.#out.write(name, at + DIRENT_BYTES)
    this.#at = at + padded(DIRENT_BYTES + nameBytes)
    this.#out.fill(0, at + DIRENT_BYTES + nameBytes, this.#at)
  }
}

function padded(bytes: number): number {
  return (bytes + 7) & ~7
}

function putEntry(out: Buffer, at: number, { nodeId, attributes, lifetimes }: Entry): void {
  putU64(out, at, nodeId)
  // Node ids are never used again, so that all of them are of one generation.
  putU64(out, at + 8, 0)
  putLifetime(out, at + 16, at + 32, lifetimes.entryMs)
  putLifetime(out, at + 24, at + 36, lifetimes.attributesMs)
  putAttributes(out, at + 40, attributes)
}

function putLifetime(out: Buffer, secondsAt: number, nanosAt: number, ms: number): void {
  putU64(out, secondsAt, Math.floor(ms / 1000))
  out.writeUInt32LE((ms % 1000) * 1_000_000, nanosAt)
}

function putAttributes(out: Buffer, at: number, value: Attributes): void {
  putU64(out, at, value.inode)
  putU64(out, at + 8, value.size)
  putU64(out, at + 16, value.blocks)
  putI64(out, at + 24, value.atime.seconds)
  putI64(out, at + 32, value.mtime.seconds)
  putI64(out, at + 40, value.ctime.seconds)
  out.writeUInt32LE(value.atime.nanos, at + 48)
  out.writeUInt32LE(value.mtime.nanos, at + 52)
  out.writeUInt32LE(value.ctime.nanos, at + 56)
  out.writeUInt32LE(value.mode, at + 60)
  out.writeUInt32LE(value.nlink, at + 64)
  out.writeUInt32LE(value.uid, at + 68)
  out.writeUInt32LE(value.gid, at + 72)
  out.writeUInt32LE(value.device, at + 76)
  out.writeUInt32LE(value.blockSize, at + 80)
  out.writeUInt32LE(0, at + 84)
}

function putOpen(out: Buffer, at: number, handle: number, flags: number): void {
  putU64(out, at, handle)
  out.writeUInt32LE(flags, at + 8)
  out.writeInt32LE(0, at + 12)
}
