/**
 * What a change concerns, and what an answer tells: the rules that connect commands and answers with what
 * sessions may have cached. A change that is not known by its name concerns everything that it could.
 */
import { INVALID, type Invalidation } from '@hopbine/common/protocol/cache-interest.ts'
import { parseInodePath } from '@hopbine/common/protocol/inode-path.ts'
import { type FileStatus, KIND } from '@hopbine/common/protocol/types.ts'
import { placesOf } from '../namespace/links.ts'
import type { Change } from '../store/change-feed.ts'
import type { Tx } from '../store/tx.ts'
import { INTEREST, type InterestNotes } from './interest-notes.ts'

/** Changes of an inode's attributes alone; its names stay. */
const ATTRIBUTE_CHANGES: ReadonlySet<string> = new Set([
  'chmod',
  'chown',
  'utimes',
  'setXattr',
  'removeXattr',
  'setReplication',
  'setQuota',
  'setAcl',
])
/** Changes of a file's bytes, size and times; its names stay. */
const CONTENT_CHANGES: ReadonlySet<string> = new Set([
  'complete',
  'commit',
  'truncate',
  'punch',
  'writeInline',
  'lease-expired',
])

export interface Concern {
  readonly inodeId: number
  /** Directories whose names changed. */
  readonly parents: readonly number[]
  /** Directory of the inode, where only the inode changed. */
  readonly place: number
  readonly items: readonly Invalidation[]
}

export function concernOf(change: Change): Concern {
  const { what, inodeId, parentId, name, oldParentId = 0, oldName = '' } = change
  if (ATTRIBUTE_CHANGES.has(what)) return ofInode(inodeId, parentId, INVALID.attributes)
  if (CONTENT_CHANGES.has(what)) return ofInode(inodeId, parentId, INVALID.content | INVALID.attributes)
  const bits = INVALID.entry | INVALID.attributes
  const items: Invalidation[] = [{ inodeId, parentId, name, what: bits }]
  if (oldParentId !== 0) items.push({ inodeId, parentId: oldParentId, name: oldName, what: bits })
  const parents = oldParentId === 0 || oldParentId === parentId ? [parentId] : [parentId, oldParentId]
  return { inodeId, parents, place: 0, items }
}

/** Attributes of an inode that changed beside what a command says of itself. */
export function concernOfTouched(inodeId: number, parentId: number): Concern {
  return ofInode(inodeId, parentId, INVALID.attributes)
}

function ofInode(inodeId: number, place: number, what: number): Concern {
  return { inodeId, parents: [], place, items: [{ inodeId, parentId: place, name: '', what }] }
}

/** Whether a session may have cached something that a change makes untrue. */
export function isConcerned(notes: InterestNotes, tx: Tx, concern: Concern, nowMs: number): boolean {
  const { inodeId, parents, place } = concern
  const { entries, listed, attributes } = INTEREST
  if (notes.has(inodeId, attributes, nowMs)) return true
  if (place !== 0 && notes.has(place, listed, nowMs)) return true
  for (const parent of parents) {
    // The directory's own times and counts change with its entries.
    if (notes.has(parent, entries | listed | attributes, nowMs)) return true
    const above = directoryAbove(tx, parent)
    if (above !== 0 && notes.has(above, listed, nowMs)) return true
  }
  return placesNow(tx, inodeId).some(other => notes.has(other, listed, nowMs))
}

/** What the session that made a change learns from its answer. */
export function noteOwn(notes: InterestNotes, tx: Tx, concern: Concern, nowMs: number): void {
  const { inodeId, parents, place } = concern
  for (const parent of parents) notes.note(parent, INTEREST.entries, nowMs)
  if (place !== 0) notes.note(place, INTEREST.near, nowMs)
  for (const other of placesNow(tx, inodeId)) notes.note(other, INTEREST.near, nowMs)
  notes.note(inodeId, INTEREST.attributes, nowMs)
}

/** What a session learns from any answer to a request for `path`, also that there is nothing of that name. */
export function noteName(notes: InterestNotes, path: string, nowMs: number): void {
  const directory = directoryNamed(path)
  if (directory !== 0) notes.note(directory, INTEREST.entries, nowMs)
}

/** What a session learns from attributes that answer a request for `path`. */
export function noteStatus(
  notes: InterestNotes,
  tx: Tx,
  path: string,
  status: FileStatus,
  nowMs: number,
): void {
  const { id, kind, nlink } = status
  const directory = directoryNamed(path)
  if (kind === KIND.directory) {
    const above = directory === 0 ? directoryAbove(tx, id) : 0
    if (above !== 0) notes.note(above, INTEREST.near, nowMs)
  } else if (directory === 0 || nlink > 1) {
    const row = tx.entries.findId(id)
    const places = row === undefined ? [] : placesOf(tx, row)
    for (const { parentId } of places) notes.note(parentId, INTEREST.near, nowMs)
  }
  notes.note(id, INTEREST.attributes, nowMs)
}

/** The directory of `/.reserved/.inodes/ID/NAME`, else 0. */
function directoryNamed(path: string): number {
  const parts = parseInodePath(path)
  return parts === undefined || parts.name === '' ? 0 : parts.id
}

/** The inode of `/.reserved/.inodes/ID`, else 0. */
export function inodeNamed(path: string): number {
  const parts = parseInodePath(path)
  return parts === undefined || parts.name !== '' ? 0 : parts.id
}

function directoryAbove(tx: Tx, directoryId: number): number {
  const { directories } = tx
  const slot = directories.findId(directoryId)
  const above = slot < 0 ? -1 : (directories.parent[slot] as number)
  return above < 0 ? 0 : (directories.id[above] as number)
}

/** Directories where the inode has its names now, which need not be where a change says. */
function placesNow(tx: Tx, inodeId: number): number[] {
  if (tx.directories.findId(inodeId) >= 0) return []
  const row = tx.entries.findId(inodeId)
  return row === undefined ? [] : placesOf(tx, row).map(({ parentId }) => parentId)
}
