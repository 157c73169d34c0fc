/**
 * Every directory of the shard in typed arrays: no object per directory, so that paths resolve in a few
 * microseconds and garbage collection never sees the namespace. A directory is a slot; slots are reused after
 * removal. It mirrors the rows of `entry` (kind directory) and `directory`, is changed only by apply, and
 * says which directories must be written back. It never touches SQLite.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { NameArena } from './name-arena.ts'
import { SlotHash } from './slot-hash.ts'

/** No limit, in the quota columns. */
export const NO_QUOTA = -1
const START_SLOTS = 1024

export interface DirectoryRow {
  readonly id: number
  readonly parentId: number
  readonly name: string
  readonly mode: number
  readonly ownerId: number
  readonly groupId: number
  /** ENTRY_FLAG bits. */
  readonly flags: number
  readonly atime: number
  readonly atimeNs: number
  readonly mtime: number
  readonly mtimeNs: number
  readonly ctime: number
  readonly ctimeNs: number
  readonly children: number
  readonly subdirectories: number
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly diskBytes: number
  readonly nameQuota: number
  readonly spaceQuota: number
}

export class DirectoryTable {
  #capacity = START_SLOTS
  #used = 0
  readonly #free: number[] = []
  readonly #names = new NameArena()
  readonly #byName = new SlotHash(START_SLOTS * 4)
  readonly #byId = new SlotHash(START_SLOTS * 4)
  readonly #dirtySlots: number[] = []
  #dirty = new Uint8Array(START_SLOTS)
  #hash = new Uint32Array(START_SLOTS)
  #version = new Uint32Array(START_SLOTS)

  id = new Float64Array(START_SLOTS)
  /** Slot of the parent; -1 for the root and the reclaim directory. */
  parent = new Int32Array(START_SLOTS)
  mode = new Uint16Array(START_SLOTS)
  ownerId = new Uint32Array(START_SLOTS)
  groupId = new Uint32Array(START_SLOTS)
  flags = new Uint16Array(START_SLOTS)
  atime = new Float64Array(START_SLOTS)
  atimeNs = new Uint32Array(START_SLOTS)
  mtime = new Float64Array(START_SLOTS)
  mtimeNs = new Uint32Array(START_SLOTS)
  ctime = new Float64Array(START_SLOTS)
  ctimeNs = new Uint32Array(START_SLOTS)
  children = new Float64Array(START_SLOTS)
  subdirectories = new Float64Array(START_SLOTS)
  files = new Float64Array(START_SLOTS)
  directories = new Float64Array(START_SLOTS)
  bytes = new Float64Array(START_SLOTS)
  diskBytes = new Float64Array(START_SLOTS)
  nameQuota = new Float64Array(START_SLOTS)
  spaceQuota = new Float64Array(START_SLOTS)

  #moves = 0

  /** Grows whenever a directory gets another place or goes: paths that led somewhere may not any more. */
  get moves(): number {
    return this.#moves
  }

  /** Directories in the table. */
  get count(): number {
    return this.#used - this.#free.length
  }

  /** One more than the highest slot that was ever used. */
  get slotsUsed(): number {
    return this.#used
  }

  /** Adds a directory whose parent is already there (parentId 0: none). Returns its slot. */
  add(row: DirectoryRow): number {
    const slot = this.#free.pop() ?? this.#used++
    if (slot >= this.#capacity) this.#grow()
    this.id[slot] = row.id
    this.parent[slot] = row.parentId === 0 ? -1 : this.slotOf(row.parentId)
    this.#setAttributes(slot, row)
    this.#names.set(slot, row.name)
    this.#dirty[slot] = 0
    this.#linkName(slot)
    this.#byId.add(slot, hashOfId(row.id), this.#idHashOf)
    this.entriesChanged(slot)
    return slot
  }

  /** Slot of an inode; the caller knows that it is a directory here. */
  slotOf(id: number): number {
    const slot = this.findId(id)
    assert(slot >= 0, `directory ${id} is in the table`)
    return slot
  }

  /** Slot of an inode, or -1. */
  findId(id: number): number {
    const ids = this.id
    const { buckets, mask } = this.#byId
    for (let at = hashOfId(id) & mask; ; at = (at + 1) & mask) {
      const slot = buckets[at] as number
      if (slot < 0 || ids[slot] === id) return slot
    }
  }

  /** Slot of the directory called `text[start, end)` below `parent`, or -1. */
  find(parent: number, text: string, start = 0, end = text.length): number {
    const hash = hashOfName(parent, text, start, end)
    const hashes = this.#hash
    const { buckets, mask } = this.#byName
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = buckets[at] as number
      if (slot < 0) return -1
      const isLikely = hashes[slot] === hash && this.parent[slot] === parent
      if (isLikely && this.#names.equals(slot, text, start, end)) return slot
    }
  }

  /** Changes whenever a listing of the directory could. Never goes back, also when the slot is used again. */
  versionOf(slot: number): number {
    return this.#version[slot] as number
  }

  /** The directory's entries, or what a listing says of them, changed. */
  entriesChanged(slot: number): void {
    this.#version[slot] = (this.#version[slot] as number) + 1
  }

  /** Attributes of the directory itself changed: they are part of its parent's listing. */
  attributesChanged(slot: number): void {
    const parent = this.parent[slot] as number
    if (parent >= 0) this.entriesChanged(parent)
  }

  nameOf(slot: number): string {
    return this.#names.get(slot)
  }

  /** Absolute path of a directory, for messages. */
  pathOf(slot: number): string {
    const names: string[] = []
    for (let at = slot; (this.parent[at] as number) >= 0; at = this.parent[at] as number) {
      names.unshift(this.nameOf(at))
    }
    return `/${names.join('/')}`
  }

  /** Gives a directory another parent and name. Totals are the caller's. */
  move(slot: number, parent: number, name: string): void {
    this.#moves += 1
    this.#unlinkName(slot)
    this.parent[slot] = parent
    this.#names.set(slot, name)
    this.#linkName(slot)
  }

  /** Swaps the places of two directories. */
  exchange(a: number, b: number): void {
    this.#moves += 1
    const [parentA, nameA] = [this.parent[a] as number, this.nameOf(a)]
    const [parentB, nameB] = [this.parent[b] as number, this.nameOf(b)]
    this.#unlinkName(a)
    this.#unlinkName(b)
    this.parent[a] = parentB
    this.#names.set(a, nameB)
    this.#linkName(a)
    this.parent[b] = parentA
    this.#names.set(b, nameA)
    this.#linkName(b)
  }

  remove(slot: number): void {
    this.#moves += 1
    this.#unlinkName(slot)
    this.#byId.remove(slot, hashOfId(this.id[slot] as number), this.#idHashOf)
    this.#names.drop(slot)
    this.id[slot] = 0
    this.#dirty[slot] = 0
    this.#free.push(slot)
  }

  /** Adds to the totals of a directory and of everything above it. */
  addTotals(slot: number, files: number, directories: number, bytes: number, diskBytes: number): void {
    for (let at = slot; at >= 0; at = this.parent[at] as number) {
      this.files[at] = (this.files[at] as number) + files
      this.directories[at] = (this.directories[at] as number) + directories
      this.bytes[at] = (this.bytes[at] as number) + bytes
      this.diskBytes[at] = (this.diskBytes[at] as number) + diskBytes
      this.markDirty(at)
    }
  }

  /** The content row of this directory must be written at the end of the transaction. */
  markDirty(slot: number): void {
    if (this.#dirty[slot] === 1) return
    this.#dirty[slot] = 1
    this.#dirtySlots.push(slot)
  }

  /** Slots to be written back, each once; forgets them. A slot removed meanwhile is left out. */
  takeDirty(): number[] {
    const slots: number[] = []
    for (const slot of this.#dirtySlots) {
      if (this.#dirty[slot] !== 1) continue
      this.#dirty[slot] = 0
      slots.push(slot)
    }
    this.#dirtySlots.length = 0
    return slots
  }

  /** True if `slot` is `ancestor` or lies below it. */
  isWithin(slot: number, ancestor: number): boolean {
    for (let at = slot; at >= 0; at = this.parent[at] as number) if (at === ancestor) return true
    return false
  }

  /** The nearest directory at or above `slot` that has a quota, or -1. */
  quotaRootOf(slot: number): number {
    for (let at = slot; at >= 0; at = this.parent[at] as number) {
      if (this.nameQuota[at] !== NO_QUOTA || this.spaceQuota[at] !== NO_QUOTA) return at
    }
    return -1
  }

  /** Every slot in use, in no particular order that matters. */
  *slots(): Generator<number> {
    for (let slot = 0; slot < this.#used; slot++) if (this.id[slot] !== 0) yield slot
  }

  readonly #idHashOf = (slot: number): number => hashOfId(this.id[slot] as number)
  readonly #nameHashOf = (slot: number): number => this.#hash[slot] as number

  #linkName(slot: number): void {
    const name = this.#names.get(slot)
    const hash = hashOfName(this.parent[slot] as number, name, 0, name.length)
    this.#hash[slot] = hash
    this.#byName.add(slot, hash, this.#nameHashOf)
  }

  #unlinkName(slot: number): void {
    this.#byName.remove(slot, this.#hash[slot] as number, this.#nameHashOf)
  }

  #setAttributes(slot: number, row: DirectoryRow): void {
    this.mode[slot] = row.mode
    this.ownerId[slot] = row.ownerId
    this.groupId[slot] = row.groupId
    this.flags[slot] = row.flags
    this.atime[slot] = row.atime
    this.atimeNs[slot] = row.atimeNs
    this.mtime[slot] = row.mtime
    this.mtimeNs[slot] = row.mtimeNs
    this.ctime[slot] = row.ctime
    this.ctimeNs[slot] = row.ctimeNs
    this.children[slot] = row.children
    this.subdirectories[slot] = row.subdirectories
    this.files[slot] = row.files
    this.directories[slot] = row.directories
    this.bytes[slot] = row.bytes
    this.diskBytes[slot] = row.diskBytes
    this.nameQuota[slot] = row.nameQuota
    this.spaceQuota[slot] = row.spaceQuota
  }

  #grow(): void {
    const capacity = this.#capacity * 2
    this.#dirty = widen(this.#dirty, new Uint8Array(capacity))
    this.#hash = widen(this.#hash, new Uint32Array(capacity))
    this.#version = widen(this.#version, new Uint32Array(capacity))
    this.id = widen(this.id, new Float64Array(capacity))
    this.parent = widen(this.parent, new Int32Array(capacity))
    this.mode = widen(this.mode, new Uint16Array(capacity))
    this.ownerId = widen(this.ownerId, new Uint32Array(capacity))
    this.groupId = widen(this.groupId, new Uint32Array(capacity))
    this.flags = widen(this.flags, new Uint16Array(capacity))
    this.atimeNs = widen(this.atimeNs, new Uint32Array(capacity))
    this.mtimeNs = widen(this.mtimeNs, new Uint32Array(capacity))
    this.ctimeNs = widen(this.ctimeNs, new Uint32Array(capacity))
    for (const column of WIDE_COLUMNS) this[column] = widen(this[column], new Float64Array(capacity))
    this.#capacity = capacity
  }
}

const WIDE_COLUMNS = [
  'atime',
  'mtime',
  'ctime',
  'children',
  'subdirectories',
  'files',
  'directories',
  'bytes',
  'diskBytes',
  'nameQuota',
  'spaceQuota',
] as const

function widen<A extends { set(from: A): void }>(from: A, to: A): A {
  to.set(from)
  return to
}

function hashOfId(id: number): number {
  const low = id >>> 0
  const high = (id / 0x1_0000_0000) >>> 0
  return mix(Math.imul(low, 0x9e3779b1) ^ Math.imul(high + 1, 0x85ebca6b))
}

function hashOfName(parent: number, text: string, start: number, end: number): number {
  let hash = Math.imul(parent + 1, 0x9e3779b1)
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash)
}

/** Spreads the low bits, which pick the bucket. */
function mix(hash: number): number {
  let h = hash
  h ^= h >>> 16
  h = Math.imul(h, 0x7feb352d)
  h ^= h >>> 15
  return h >>> 0
}
