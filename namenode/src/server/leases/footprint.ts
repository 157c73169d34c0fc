/**
 * Which leased directories a request would see into: those whose entries its paths walk, what lies at the
 * end, and for requests about a whole tree everything leased below. No rights are asked: who may not pass
 * must not learn less than the truth either. A walk ends at the first lease, since what is behind it may be
 * out of date; the request is looked at again when that lease is gone.
 */
import { ROOT_INODE } from '@hopbine/common/base/ids.ts'
import { SYMLINK_HOPS_MAX } from '@hopbine/common/base/limits.ts'
import { INODE_PREFIX } from '@hopbine/common/protocol/inode-path.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { findEntry, placesOf } from '../../namespace/links.ts'
import type { EntryRow } from '../../store/tables/entry-table.ts'
import type { Tx } from '../../store/tx.ts'

/** How much of the directory at the end of a path a request is about. */
export type Reach =
  /** The directory itself. */
  | 'itself'
  /** And the attributes of the directories in it. */
  | 'children'
  /** And everything below it. */
  | 'tree'

export interface Foreign {
  /** Whether the directory is leased to anybody but the caller, or about to be. */
  has(inodeId: number): boolean
  /** All such directories. */
  all(): Iterable<number>
}

export class Footprint {
  /** Directories to be recalled. */
  readonly found = new Set<number>()
  readonly #tx: Tx
  readonly #foreign: Foreign

  constructor(tx: Tx, foreign: Foreign) {
    this.#tx = tx
    this.#foreign = foreign
  }

  /** Follows a path to its end; `follow` says whether a symbolic link there counts. */
  path(path: string, follow: boolean, reach: Reach): void {
    const { directories } = this.#tx
    if (!path.startsWith(INODE_PREFIX)) {
      const names = path.split('/').filter(name => name !== '')
      return this.#walk(directories.slotOf(ROOT_INODE), names, follow, reach)
    }
    const [id = '', ...names] = path.slice(INODE_PREFIX.length).split('/')
    const slot = directories.findId(Number(id))
    if (slot < 0) return this.inode(Number(id))
    this.#above(slot)
    if (this.found.size > 0) return
    if (names.length === 0) this.#end(slot, reach)
    else this.#walk(slot, names, follow, reach)
  }

  /** Every directory that shows the inode, and those above it. */
  inode(id: number): void {
    const { directories, entries } = this.#tx
    const slot = directories.findId(id)
    if (slot >= 0) return this.#above(slot)
    const row = entries.findId(id)
    if (row !== undefined) this.#names(row)
  }

  #names(row: EntryRow): void {
    for (const { parentId } of placesOf(this.#tx, row)) this.#above(this.#tx.directories.slotOf(parentId))
  }

  /** The directory and everything above it, outermost first. */
  #above(slot: number): void {
    const parent = this.#tx.directories.parent[slot] as number
    if (parent >= 0) this.#above(parent)
    if (this.found.size === 0) this.#visit(slot)
  }

  #visit(slot: number): void {
    const id = this.#tx.directories.id[slot] as number
    if (this.#foreign.has(id)) this.found.add(id)
  }

  #walk(from: number, names: string[], follow: boolean, reach: Reach): void {
    const { directories } = this.#tx
    const todo = names.reverse()
    let slot = from
    let hops = 0
    for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
      this.#visit(slot)
      if (this.found.size > 0) return
      if (name === '.') continue
      if (name === '..') {
        const up = directories.parent[slot] as number
        if (up >= 0) slot = up
        continue
      }
      const next = directories.find(slot, name)
      if (next >= 0) {
        slot = next
        continue
      }
      const row = findEntry(this.#tx, directories.id[slot] as number, name)
      if (row === undefined) return
      const isLink = row.kind === KIND.symlink && (follow || todo.length > 0)
      if (!isLink || ++hops > SYMLINK_HOPS_MAX) {
        // An inode with several names is changed through any of them.
        if (row.nlink > 1) this.#names(row)
        return
      }
      const target = row.target as string
      if (target.startsWith('/')) slot = directories.slotOf(ROOT_INODE)
      todo.push(
        ...target
          .split('/')
          .filter(part => part !== '')
          .reverse(),
      )
    }
    this.#end(slot, reach)
  }

  #end(slot: number, reach: Reach): void {
    this.#visit(slot)
    if (reach === 'itself') return
    const { directories } = this.#tx
    for (const id of this.#foreign.all()) {
      const at = directories.findId(id)
      if (at < 0) continue
      const isConcerned = reach === 'tree' ? directories.isWithin(at, slot) : directories.parent[at] === slot
      if (isConcerned) this.found.add(id)
    }
  }
}
