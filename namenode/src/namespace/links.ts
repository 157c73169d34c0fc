/**
 * Hard links. An inode lives in the row of one of its names; each further name is a row of kind LINK_KIND
 * that points to it and carries a copy of its size, so that every directory's totals count what its own
 * names show. When the name that holds the inode goes, the inode moves to another of its names. Checks are
 * the callers'.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { LINK_KIND } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { requireRoom } from './quota.ts'

/**
 * A name that is no directory: the inode behind it, and the row of the name itself where that is another
 * one.
 */
export interface FileTarget {
  readonly slot: -1
  readonly row: EntryRow
  readonly parent: number
  readonly name: string
  readonly link?: EntryRow
}

/** The target of a row as it stands in the directory `parent`. */
export function fileTarget(tx: Tx, row: EntryRow, parent: number): FileTarget {
  const { name } = row
  if (row.kind !== LINK_KIND) return { slot: -1, row, parent, name }
  return { slot: -1, row: inodeOf(tx, row), parent, name, link: row }
}

/** The row of the inode that a name stands for; undefined when the name is free or a directory's. */
export function findEntry(tx: Tx, parentId: number, name: string): EntryRow | undefined {
  const row = tx.entries.find(parentId, name)
  return row?.kind === LINK_KIND ? inodeOf(tx, row) : row
}

function inodeOf(tx: Tx, link: EntryRow): EntryRow {
  const row = tx.entries.findId(Number(link.target))
  assert(row !== undefined, `link ${link.id} has its inode`)
  return row
}

/** The row that a further name of an inode gets. */
export function linkRow(row: EntryRow, id: number, parentId: number, name: string): EntryRow {
  return { ...row, id, parentId, name, kind: LINK_KIND, nlink: 1, flags: 0, target: String(row.id) }
}

/** Every place where the inode has a name: the one that holds it first. */
export function placesOf(tx: Tx, row: EntryRow): readonly EntryRow[] {
  return row.nlink > 1 ? [row, ...tx.entries.linksOf(row.id)] : [row]
}

/** Throws unless every directory above any of the file's names has room for so many bytes more of each. */
export function requireRoomForBytes(tx: Tx, row: EntryRow, diskBytes: number): void {
  if (diskBytes <= 0) return
  if (row.nlink <= 1) return requireRoom(tx, tx.directories.slotOf(row.parentId), 0, diskBytes)
  const { parent } = tx.directories
  const names = new Map<number, number>()
  for (const { parentId } of placesOf(tx, row)) {
    for (let at = tx.directories.slotOf(parentId); at >= 0; at = parent[at] as number) {
      names.set(at, (names.get(at) ?? 0) + 1)
    }
  }
  for (const [slot, count] of names) requireRoom(tx, slot, 0, count * diskBytes, parent[slot])
}

/** Counts bytes into the totals above every name of the file. */
export function addBytes(tx: Tx, row: EntryRow, bytes: number, diskBytes: number): void {
  for (const { parentId } of placesOf(tx, row)) {
    tx.directories.addTotals(tx.directories.slotOf(parentId), 0, 0, bytes, diskBytes)
  }
}

/** Takes away one of several names; the inode stays. Totals and the parent are the caller's. */
export function dropName(tx: Tx, context: CommandContext, target: FileTarget): void {
  const { row, link } = target
  assert(row.nlink > 1 && row.kind !== KIND.directory, 'one of several names')
  if (link === undefined) moveToHeir(tx, context, row)
  else tx.entries.delete(link.parentId, link.name)
  row.nlink -= 1
  row.ctime = context.seconds
  row.ctimeNs = context.nanos
  tx.entries.update(row)
  tx.touched(context, row.id)
}

/** The inode takes the place of its oldest other name. */
function moveToHeir(tx: Tx, context: CommandContext, row: EntryRow): void {
  const heir = tx.entries.linksOf(row.id)[0]
  assert(heir !== undefined, `inode ${row.id} has another name`)
  const { parentId, name } = heir
  tx.entries.delete(parentId, name)
  tx.entries.move(row.id, { parentId: row.parentId, name: row.name }, heir, context.seconds, context.nanos)
  row.parentId = parentId
  row.name = name
}
