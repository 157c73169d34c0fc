/**
 * The inodes that the kernel knows, how often it looked each up, and which of them are open. A node goes
 * when the kernel has forgotten it and nothing is open. Node ids are inode ids, but for the top of the
 * mount, which is node 1.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { ROOT_NODE } from '../protocol/constants.ts'
import type { OpenFile } from './open-file.ts'
import type { OpenInodes } from './open-inodes.ts'

export interface Node {
  readonly inodeId: number
  /** Answers that named it and were not forgotten. */
  lookups: number
  open: OpenFile | undefined
  /** Parent and name under which the kernel met it last. */
  place: string
  /** Version of the content as the kernel was told last; '' when it was not. */
  told: string
  /** FLAG bits as heard last, and when, in milliseconds of the process clock. */
  flags: number
  flagsAtMs: number
  /** Content version of the pages that the kernel may hold; '' when unknown. */
  pages: string
}

export class NodeTable {
  readonly #rootInode: number
  readonly #nodes = new Map<number, Node>()
  readonly #open = new Map<number, OpenFile>()
  /** Hears what is open. */
  readonly #inodes: OpenInodes | undefined

  constructor(rootInode: number, inodes?: OpenInodes) {
    this.#rootInode = rootInode
    this.#inodes = inodes
  }

  get count(): number {
    return this.#nodes.size
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

  /** One more answer names the inode, at this place. */
  remember(inodeId: number, place: string): Node {
    const node = this.node(inodeId)
    node.lookups += 1
    node.place = place
    return node
  }

  node(inodeId: number): Node {
    let node = this.#nodes.get(inodeId)
    if (node === undefined) {
      node = {
        inodeId,
        lookups: 0,
        open: undefined,
        place: '',
        told: '',
        flags: 0,
        flagsAtMs: Number.NEGATIVE_INFINITY,
        pages: '',
      }
      this.#nodes.set(inodeId, node)
    }
    return node
  }

  find(inodeId: number): Node | undefined {
    return this.#nodes.get(inodeId)
  }

  forget(inodeId: number, lookups: number): void {
    const node = this.#nodes.get(inodeId)
    if (node === undefined) return
    node.lookups = Math.max(0, node.lookups - lookups)
    this.#dropIfUnused(node)
  }

  setOpen(inodeId: number, file: OpenFile): void {
    const node = this.node(inodeId)
    assert(node.open === undefined, `inode ${inodeId} is opened once`)
    node.open = file
    this.#open.set(inodeId, file)
    this.#inodes?.open(inodeId)
  }

  setClosed(inodeId: number): void {
    const node = this.#nodes.get(inodeId)
    assert(node?.open !== undefined, `inode ${inodeId} is open`)
    node.open = undefined
    this.#open.delete(inodeId)
    this.#inodes?.close(inodeId)
    this.#dropIfUnused(node)
  }

  openFiles(): IterableIterator<OpenFile> {
    return this.#open.values()
  }

  /** Open files that were met at this place last. */
  openAt(place: string): OpenFile[] {
    return [...this.#open.values()].filter(file => this.#nodes.get(file.inodeId)?.place === place)
  }

  #dropIfUnused(node: Node): void {
    if (node.lookups === 0 && node.open === undefined) this.#nodes.delete(node.inodeId)
  }
}
