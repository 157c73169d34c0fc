/**
 * What this mount knows better than the namenode, or as well: the leased directories with everything in
 * them. It holds state and its invariants; what an operation means is elsewhere.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { create } from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, FLAG, KIND } from '@hopbine/common/protocol/types.ts'
import type { QueuedStep } from './operation-queue.ts'

/** An operation that carries the whole content of a file. */
export interface Draft {
  readonly step: QueuedStep
  /** The request of a `create`; undefined: it is a `writeInline`. */
  readonly request: RequestOf<typeof create> | undefined
  /** Size of the file before it, in bytes. */
  readonly sizeBefore: number
}

/** An inode that has a name in a leased directory, or that this mount holds open without a name. */
export class LocalInode {
  readonly id: number
  /** As of now, with everything that is queued. The name in it means nothing. */
  status: FileStatus
  /** The leased directory of each of its names that are known. */
  readonly places: LocalDirectory[] = []
  /** Its entries, while it is a leased directory. */
  directory: LocalDirectory | undefined
  /** Bytes of a small file; undefined: only the namenode has them. */
  content: Uint8Array | undefined
  /** Ticket of the last queued operation about it; 0: none. */
  pending = 0
  /** The newest operation that gave it its content, which may still be amended. */
  draft: Draft | undefined
  /** The newest operation that set its mode, owner or times. */
  attributesStep: QueuedStep | undefined
  /** Every operation about it, from its creation on, that concerns nothing else; undefined: others do. */
  own: QueuedStep[] | undefined
  /** Made under the lease, and nobody else has seen it since. */
  isBornHere = false
  /** It has no extended attributes. */
  isPlain = false
  /** Open for writing in this mount, which the namenode need not know. */
  isOpenHere = false
  /** Local calls wait for it: its write lease is being taken at the namenode. */
  busy: Promise<void> | undefined
  /** An unleased directory that this mount changed at the namenode: its times and counts are not known. */
  isStale = false

  constructor(status: FileStatus) {
    this.id = status.id
    this.status = status
  }

  get isDirectory(): boolean {
    return this.status.kind === KIND.directory
  }

  /** A session has it open for writing at the namenode. */
  get isOpenAtServer(): boolean {
    return !this.isOpenHere && (this.status.flags & FLAG.open) !== 0
  }

  /** Everything about it is known here: nobody reaches it without recalling a lease. */
  get isCovered(): boolean {
    if (this.isDirectory) return this.directory !== undefined || (this.places.length > 0 && !this.isStale)
    return this.places.length === this.status.nlink
  }
}

export class LocalDirectory {
  readonly inode: LocalInode
  readonly entries = new Map<string, LocalInode>()
  /** Local calls wait for it: a change of this directory is on its way at the namenode, or its recall. */
  blocked: Promise<void> | undefined
  /** Callers who may search every directory above, or may not, while that cannot have changed. */
  reach = new Map<string, boolean>()
  reachEpoch = 0
  /** Nearest directory with a quota, at or above; 0: none. */
  readonly quotaRoot: number
  /** It is being given back: nothing is done locally any more. */
  isLeaving = false
  /** Small files in it that were read and whose content was not known here. */
  contentMisses = 0
  /** The last period in which it was used; 0: it is new. */
  usedIn = 0
  #sorted: string[] | undefined

  constructor(inode: LocalInode, quotaRoot: number) {
    this.inode = inode
    this.quotaRoot = quotaRoot
  }

  get id(): number {
    return this.inode.id
  }

  get status(): FileStatus {
    return this.inode.status
  }

  /** The leased directory above, if it is known. */
  get parent(): LocalDirectory | undefined {
    return this.inode.places[0]
  }

  /** Names in byte order of their UTF-8 form. */
  get sorted(): readonly string[] {
    this.#sorted ??= [...this.entries.keys()].sort(byBytes)
    return this.#sorted
  }

  add(name: string, inode: LocalInode): void {
    assert(!this.entries.has(name), 'the name was free')
    this.entries.set(name, inode)
    inode.places.push(this)
    this.#sorted = undefined
  }

  drop(name: string): void {
    const inode = this.entries.get(name)
    assert(inode !== undefined, 'the name was there')
    this.entries.delete(name)
    inode.places.splice(inode.places.indexOf(this), 1)
    this.#sorted = undefined
  }
}

export class Overlay {
  readonly inodes = new Map<number, LocalInode>()
  /** Leased directories, the one used longest ago first. */
  readonly directories = new Map<number, LocalDirectory>()
  /** Ticket of the last operation about each inode that is not known any more, while that may be queued. */
  readonly removed = new Map<number, number>()
  #entries = 0
  #lastUsed: LocalDirectory | undefined
  /** Number of the period in which directories are used now, from 1. */
  #period = 1
  /** Grows when a right above some directory may have changed. */
  reachEpoch = 0

  /** Entries of all leased directories. */
  get entryCount(): number {
    return this.#entries
  }

  inode(status: FileStatus): LocalInode {
    let inode = this.inodes.get(status.id)
    if (inode === undefined) {
      inode = new LocalInode(status)
      this.inodes.set(status.id, inode)
    }
    return inode
  }

  /** A directory is leased, with these entries. What is queued about it was sent before. */
  lease(status: FileStatus, entries: readonly FileStatus[], quotaRoot: number): LocalDirectory {
    const inode = this.inode(status)
    assert(inode.directory === undefined, 'a directory is leased once')
    inode.status = status
    inode.isStale = false
    const directory = new LocalDirectory(inode, quotaRoot)
    inode.directory = directory
    this.enter(directory)
    for (const entry of entries) {
      const child = this.inode(entry)
      // What is known of a leased directory, and of a file whose names are all known, is newer.
      if (child.directory === undefined && !child.isCovered) {
        child.status = entry
        child.isStale = false
      }
      this.put(directory, entry.name, child)
    }
    return directory
  }

  /** A directory is leased from now on, and newer than the others. */
  enter(directory: LocalDirectory): void {
    this.directories.set(directory.id, directory)
    this.#lastUsed = undefined
  }

  put(directory: LocalDirectory, name: string, inode: LocalInode): void {
    directory.add(name, inode)
    this.#entries += 1
  }

  /** Takes a name away; an inode that has no other name and is not kept is forgotten. */
  take(directory: LocalDirectory, name: string, isKept = false): void {
    const inode = directory.entries.get(name)
    directory.drop(name)
    this.#entries -= 1
    if (inode !== undefined && !isKept) this.#forgetIfLoose(inode)
  }

  /** Begins the next period; answers the directories that nobody used since the last one began. */
  idle(): LocalDirectory[] {
    const idle: LocalDirectory[] = []
    for (const directory of this.directories.values()) {
      if (directory.usedIn === this.#period) break
      // One that was made here is used for the first time.
      if (directory.usedIn === 0) directory.usedIn = this.#period
      else idle.push(directory)
    }
    this.#period += 1
    return idle
  }

  /** The most recent use of a directory. */
  used(directory: LocalDirectory): void {
    directory.usedIn = this.#period
    if (directory === this.#lastUsed) return
    this.directories.delete(directory.id)
    this.directories.set(directory.id, directory)
    this.#lastUsed = directory
  }

  /** The lease is gone; what is known of the inodes goes with it. */
  release(directory: LocalDirectory): void {
    for (const name of [...directory.entries.keys()]) this.take(directory, name)
    this.directories.delete(directory.id)
    this.#lastUsed = undefined
    directory.inode.directory = undefined
    directory.inode.isStale = true
    directory.inode.isBornHere = false
    this.#forgetIfLoose(directory.inode)
  }

  /** An inode without a name that nobody has open any more. */
  forgetOrphan(id: number): void {
    const inode = this.inodes.get(id)
    if (inode !== undefined && inode.places.length === 0 && inode.directory === undefined) {
      this.inodes.delete(id)
    }
  }

  /** Operations up to this ticket are not queued any more. */
  settled(isSettled: (ticket: number) => boolean): void {
    for (const [id, ticket] of this.removed) {
      if (!isSettled(ticket)) return
      this.removed.delete(id)
    }
  }

  clear(): void {
    this.removed.clear()
    this.inodes.clear()
    this.directories.clear()
    this.#lastUsed = undefined
    this.#entries = 0
  }

  /** One of several names of a file that stays is lost from sight: others may change it through that name. */
  #forgetIfLoose(inode: LocalInode): void {
    inode.isBornHere &&= inode.isCovered
    inode.isPlain &&= inode.isCovered
    if (!inode.isCovered) inode.content = undefined
    if (inode.places.length > 0 || inode.directory !== undefined) return
    this.inodes.delete(inode.id)
    if (inode.pending > 0) this.removed.set(inode.id, inode.pending)
  }
}

/** Order of SQLite and of listings. Most names have no surrogates, and compare alike in both forms. */
function byBytes(a: string, b: string): number {
  if (HAS_SURROGATE.test(a) || HAS_SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1
}

const HAS_SURROGATE = /[\ud800-\udfff]/
