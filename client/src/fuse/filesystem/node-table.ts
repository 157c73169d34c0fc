/**
 * The inodes that the kernel knows, how often it looked each up, and which of them are open. A node goes
 * when the kernel has forgotten it and nothing is open. Node ids are inode ids, but for the top of the
 * mount, which is node 1.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { ROOT_NODE } from '../protocol/constants.ts'
import { NodeRows } from './node-rows.ts'
import type { OpenFile } from './open-file.ts'
import type { OpenInodes } from './open-inodes.ts'
import { seenVersionOf, versionOf } from './page-versions.ts'

/** One inode as long as nothing else is remembered or forgotten: what is held longer may be another's. */
export class Node {
  readonly #rows: NodeRows
  readonly #row: number

  constructor(rows: NodeRows, row: number) {
    this.#rows = rows
    this.#row = row
  }

  get inodeId(): number {
    return this.#rows.id[this.#row] as number
  }

  /** Version of the content as the kernel was told last, or NO_VERSION. */
  get told(): number {
    return this.#rows.told[this.#row] as number
  }

  set told(version: number) {
    this.#rows.told[this.#row] = version
  }

  /** Content version of the pages that the kernel may hold, or NO_VERSION. */
  get pages(): number {
    return this.#rows.pages[this.#row] as number
  }

  /** The kernel takes pages of this one for pages of that version that looks like it. */
  looksLikePages(status: WireStatus): boolean {
    return this.pages !== versionOf(status) && this.#rows.seenPages[this.#row] === seenVersionOf(status)
  }

  /** The kernel reads pages of this version from now on. */
  setPages(status: WireStatus): void {
    this.#rows.pages[this.#row] = versionOf(status)
    this.#rows.seenPages[this.#row] = seenVersionOf(status)
  }

  /** FLAG bits as heard last. */
  get flags(): number {
    return this.#rows.flags[this.#row] as number
  }

  /** When they were heard, in milliseconds of the process clock. */
  get flagsAtMs(): number {
    return this.#rows.flagsAtMs[this.#row] as number
  }

  setFlags(flags: number, atMs: number): void {
    this.#rows.flags[this.#row] = flags
    this.#rows.flagsAtMs[this.#row] = atMs
  }

  forgetFlags(): void {
    this.#rows.flagsAtMs[this.#row] = Number.NEGATIVE_INFINITY
  }
}

export class NodeTable {
  readonly #rootInode: number
  readonly #rows = new NodeRows()
  readonly #open = new Map<number, OpenFile>()
  /** Hears what is open. */
  readonly #inodes: OpenInodes | undefined

  constructor(rootInode: number, inodes?: OpenInodes) {
    this.#rootInode = rootInode
    this.#inodes = inodes
  }

  get count(): number {
    return this.#rows.count
  }

  get openCount(): number {
    return this.#open.size
  }

  inodeOf(nodeId: number): number {
    return nodeId === ROOT_NODE ? this.#rootInode : nodeId
  }

  nodeIdOf(inodeId: number): number {
    return inodeId === this.#rootInode ? ROOT_NODE : inodeId
  }

  /** One more answer names the inode, which the kernel met at this place (`hashOfPlace`). */
  remember(inodeId: number, place: number): void {
    const row = this.#row(inodeId)
    this.#rows.lookups[row] = (this.#rows.lookups[row] as number) + 1
    this.#rows.place[row] = place
  }

  /** Known, or known from now on. */
  node(inodeId: number): Node {
    return new Node(this.#rows, this.#row(inodeId))
  }

  find(inodeId: number): Node | undefined {
    const row = this.#rows.find(inodeId)
    return row < 0 ? undefined : new Node(this.#rows, row)
  }

  #row(inodeId: number): number {
    const known = this.#rows.find(inodeId)
    if (known >= 0) return known
    const row = this.#rows.add(inodeId)
    this.#rows.flagsAtMs[row] = Number.NEGATIVE_INFINITY
    return row
  }

  forget(inodeId: number, lookups: number): void {
    const row = this.#rows.find(inodeId)
    if (row < 0) return
    this.#rows.lookups[row] = Math.max(0, (this.#rows.lookups[row] as number) - lookups)
    this.#dropIfUnused(row)
  }

  /** The inode as the programs of this mount have it open. */
  openFile(inodeId: number): OpenFile | undefined {
    return this.#open.get(inodeId)
  }

  setOpen(inodeId: number, file: OpenFile): void {
    this.#row(inodeId)
    assert(!this.#open.has(inodeId), `inode ${inodeId} is opened once`)
    this.#open.set(inodeId, file)
    this.#inodes?.open(inodeId)
  }

  setClosed(inodeId: number): void {
    assert(this.#open.has(inodeId), `inode ${inodeId} is open`)
    this.#open.delete(inodeId)
    this.#inodes?.close(inodeId)
    this.#dropIfUnused(this.#rows.find(inodeId))
  }

  openFiles(): IterableIterator<OpenFile> {
    return this.#open.values()
  }

  /** Open files that were met at this place last, and perhaps another whose place has the same hash. */
  openAt(place: number): OpenFile[] {
    return [...this.#open.values()].filter(file => this.#placeOf(file.inodeId) === place)
  }

  /** An open file is at another place now. */
  setPlace(inodeId: number, place: number): void {
    this.#rows.place[this.#row(inodeId)] = place
  }

  #placeOf(inodeId: number): number {
    return this.#rows.place[this.#row(inodeId)] as number
  }

  #dropIfUnused(row: number): void {
    const isOpen = this.#open.has(this.#rows.id[row] as number)
    if (this.#rows.lookups[row] === 0 && !isOpen) this.#rows.remove(row)
  }
}
