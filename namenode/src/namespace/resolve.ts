/**
 * From a path to a place: the directory that holds the name, and the name. Directories come from the packed
 * table only; SQLite is asked where a component is no directory, to tell a symbolic link from a file from
 * nothing. Search permission is checked on every directory on the way. No component is ever taken textually:
 * `..` exists only in targets of links.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { ORPHAN_INODE, RECLAIM_INODE, ROOT_INODE } from '@hopbine/common/base/ids.ts'
import { SYMLINK_HOPS_MAX } from '@hopbine/common/base/limits.ts'
import { INODE_PREFIX } from '@hopbine/common/protocol/inode-path.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE } from '@hopbine/common/rules/permission.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import { type FileTarget, fileTarget, findEntry, placesOf } from './links.ts'
import { checkName, checkPath } from './names.ts'
import { type Caller, requireDirectoryAccess } from './permission.ts'

/**
 * Where a name is or would be. `name` is '' for a directory reached without a name (the root, an inode path).
 */
export interface Place {
  /** Slot of the directory that holds the name; with an empty name, the directory itself. */
  readonly parent: number
  readonly name: string
}

/** What is at a path: a directory by its slot, or anything else by its row. */
export type Target =
  | { readonly slot: number; readonly row: undefined; readonly parent: number; readonly name: string }
  | FileTarget

/** The place that a path names; the last component need not exist and is not followed. */
export function resolvePlace(tx: Tx, caller: Caller, path: string): Place {
  checkPath(path)
  if (path.startsWith(INODE_PREFIX)) return placeByInode(tx, caller, path)
  if (path.length === 1) return { parent: tx.directories.slotOf(ROOT_INODE), name: '' }
  const end = path.lastIndexOf('/')
  return end === 0 ? walk(tx, caller, ROOT_INODE, path, 1) : placeBelow(tx, caller, path, end)
}

/** The parent of most paths is known; then only its rights and the last name are left to check. */
function placeBelow(tx: Tx, caller: Caller, path: string, end: number): Place {
  const parentPath = path.slice(0, end)
  const known = tx.parentPaths.get(parentPath, tx.directories.moves)
  if (known < 0) {
    const place = walk(tx, caller, ROOT_INODE, path, 1)
    if (isAt(tx, place.parent, path, end)) tx.parentPaths.put(parentPath, place.parent)
    return place
  }
  if (!caller.superuser) requireSearch(tx, caller, known)
  const name = path.slice(end + 1)
  checkName(name)
  return { parent: known, name }
}

/** True if the directory's own names spell `path[0, end)`: no symbolic link was on the way. */
function isAt(tx: Tx, slot: number, path: string, end: number): boolean {
  let at = slot
  let stop = end
  for (; (tx.directories.parent[at] as number) >= 0; at = tx.directories.parent[at] as number) {
    const start = path.lastIndexOf('/', stop - 1)
    const parent = tx.directories.parent[at] as number
    if (start < 0 || tx.directories.find(parent, path, start + 1, stop) !== at) return false
    stop = start
  }
  return stop === 0 && tx.directories.id[at] === ROOT_INODE
}

/** Search permission on a directory and every one above it, outermost first as a walk would ask. */
function requireSearch(tx: Tx, caller: Caller, slot: number): void {
  const parent = tx.directories.parent[slot] as number
  if (parent >= 0) requireSearch(tx, caller, parent)
  requireDirectoryAccess(tx, caller, slot, EXECUTE)
}

/**
 * What is at a path, or NOT_FOUND. With `followLast` a symbolic link at the end is followed, but for a path
 * that names an inode: that is the inode itself, whatever it is.
 */
export function resolveTarget(tx: Tx, caller: Caller, path: string, followLast: boolean): Target {
  let place = resolvePlace(tx, caller, path)
  for (let hops = 0; ; hops++) {
    const target = lookUp(tx, place)
    if (target === undefined) throw notFound(path)
    if (!followLast || target.row?.kind !== KIND.symlink || isInodePath(path)) return target
    if (hops >= SYMLINK_HOPS_MAX) throw new FsError('SYMLINK_LOOP')
    place = follow(tx, caller, place.parent, target.row.target as string)
  }
}

/** The place where a file that is opened for creation goes: symbolic links at the end are followed. */
export function resolvePlaceFollowing(tx: Tx, caller: Caller, path: string): Place {
  let place = resolvePlace(tx, caller, path)
  for (let hops = 0; ; hops++) {
    if (place.name === '' || tx.directories.find(place.parent, place.name) >= 0) return place
    const row = findEntry(tx, parentId(tx, place), place.name)
    if (row?.kind !== KIND.symlink) return place
    if (hops >= SYMLINK_HOPS_MAX) throw new FsError('SYMLINK_LOOP')
    place = follow(tx, caller, place.parent, row.target as string)
  }
}

/** What is at a place, or undefined. */
export function lookUp(tx: Tx, place: Place): Target | undefined {
  const { parent, name } = place
  const slot = name === '' ? parent : tx.directories.find(parent, name)
  if (slot >= 0) return { slot, row: undefined, parent: tx.directories.parent[slot] as number, name }
  const row = tx.entries.find(parentId(tx, place), name)
  return row === undefined ? undefined : fileTarget(tx, row, parent)
}

export function parentId(tx: Tx, place: Place): number {
  return tx.directories.id[place.parent] as number
}

export function notFound(path: string): FsError {
  return new FsError('NOT_FOUND', `${path}: no such file or directory`, { path })
}

/** Walks the components of `path` from `at` on, all but the last of them directories. */
function walk(tx: Tx, caller: Caller, fromId: number, path: string, at: number): Place {
  const { directories } = tx
  let slot = directories.slotOf(fromId)
  let start = at
  for (let end = path.indexOf('/', start); end >= 0; end = path.indexOf('/', start)) {
    requireDirectoryAccess(tx, caller, slot, EXECUTE)
    const next = directories.find(slot, path, start, end)
    if (next < 0) return walkPastOther(tx, caller, slot, path, start)
    slot = next
    start = end + 1
  }
  requireDirectoryAccess(tx, caller, slot, EXECUTE)
  const name = path.slice(start)
  checkName(name)
  return { parent: slot, name }
}

/** The component at `start` is no directory: a link is followed, anything else is an error. */
function walkPastOther(tx: Tx, caller: Caller, slot: number, path: string, start: number): Place {
  const components = path.slice(start).split('/')
  components.forEach(checkName)
  return walkComponents(tx, caller, slot, components)
}

function follow(tx: Tx, caller: Caller, slot: number, target: string): Place {
  const from = target.startsWith('/') ? tx.directories.slotOf(ROOT_INODE) : slot
  return walkComponents(tx, caller, from, splitTarget(target))
}

/** The slow walk, for paths with symbolic links: knows `.` and `..`, and counts the links. */
function walkComponents(tx: Tx, caller: Caller, from: number, components: string[]): Place {
  const todo = components.reverse()
  let slot = from
  let hops = 0
  for (let name = todo.pop(); name !== undefined; name = todo.pop()) {
    // `.` and `..` are names in the directory too.
    requireDirectoryAccess(tx, caller, slot, EXECUTE)
    if (name === '.') continue
    if (name === '..') {
      const up = tx.directories.parent[slot] as number
      if (up >= 0) slot = up
      continue
    }
    checkName(name)
    if (todo.length === 0) return { parent: slot, name }
    const next = tx.directories.find(slot, name)
    if (next >= 0) {
      slot = next
      continue
    }
    const row = findEntry(tx, tx.directories.id[slot] as number, name)
    if (row === undefined) throw notFound(name)
    if (row.kind !== KIND.symlink) throw new FsError('NOT_A_DIRECTORY', `${name} is not a directory`)
    if (++hops > SYMLINK_HOPS_MAX) throw new FsError('SYMLINK_LOOP')
    const target = row.target as string
    if (target.startsWith('/')) slot = tx.directories.slotOf(ROOT_INODE)
    todo.push(...splitTarget(target).reverse())
  }
  return { parent: slot, name: '' }
}

function splitTarget(target: string): string[] {
  return target.split('/').filter(component => component !== '')
}

/** The inode of `/.reserved/.inodes/ID`; undefined for any other path. */
export function inodeIdOf(path: string): number | undefined {
  const id = isInodePath(path) ? Number(path.slice(INODE_PREFIX.length)) : Number.NaN
  return Number.isSafeInteger(id) ? id : undefined
}

function isInodePath(path: string): boolean {
  return path.startsWith(INODE_PREFIX) && path.indexOf('/', INODE_PREFIX.length) < 0
}

/** `/.reserved/.inodes/ID[/NAME…]`: every directory above the inode is checked as a walk by names would. */
function placeByInode(tx: Tx, caller: Caller, path: string): Place {
  const end = path.indexOf('/', INODE_PREFIX.length)
  const id = Number(path.slice(INODE_PREFIX.length, end < 0 ? undefined : end))
  if (!Number.isSafeInteger(id)) throw notFound(path)
  if (id === RECLAIM_INODE || id === ORPHAN_INODE)
    throw new FsError('STALE', `inode ${id} is nobody's to see`)
  const slot = tx.directories.findId(id)
  if (slot < 0) {
    const row = tx.entries.findId(id)
    if (row === undefined) throw new FsError('STALE', `inode ${id} is gone`)
    if (end >= 0) throw new FsError('NOT_A_DIRECTORY', `inode ${id} is not a directory`)
    return reachablePlace(tx, caller, row)
  }
  requireChain(tx, caller, tx.directories.parent[slot] as number)
  return end < 0 ? { parent: slot, name: '' } : walk(tx, caller, id, path, end + 1)
}

/** One of the inode's places whose directories above let the caller through. */
function reachablePlace(tx: Tx, caller: Caller, row: EntryRow): Place {
  let problem: FsError | undefined
  for (const { parentId, name } of placesOf(tx, row)) {
    const parent = tx.directories.slotOf(parentId)
    try {
      requireChain(tx, caller, parent)
      return { parent, name }
    } catch (error) {
      if (!isFsError(error)) throw error
      problem ??= error
    }
  }
  throw problem ?? notFound(row.name)
}

function requireChain(tx: Tx, caller: Caller, from: number): void {
  for (let at = from; at >= 0; at = tx.directories.parent[at] as number) {
    if (tx.directories.id[at] === RECLAIM_INODE) throw new FsError('STALE', 'the inode was removed')
    requireDirectoryAccess(tx, caller, at, EXECUTE)
  }
}
