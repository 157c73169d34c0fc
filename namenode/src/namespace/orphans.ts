/**
 * Orphans: inodes without a name that a session still has open. They lie below a hidden directory under
 * names that say whose they are, and go when the session gives them up or falls silent for good.
 */
import { ORPHAN_INODE } from '@hopbine/common/base/ids.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { addInode, dropEntry, moveEntry, type NewInode } from './entries.ts'
import { inodeIdOf, type Place, type Target } from './resolve.ts'

/** Orphans of one session taken in one step. */
const PAGE = 256
/** Length of a session's id. */
const CLIENT_CHARS = 32

/** The last name of a removed target becomes a hidden one of that session; false if that is ''. */
export function keepOrphan(tx: Tx, context: CommandContext, target: Target, keeper: string): boolean {
  if (target.row === undefined || target.row.nlink !== 1 || keeper === '') return false
  const { id } = target.row
  moveEntry(tx, context, target, tx.directories.slotOf(ORPHAN_INODE), orphanName(keeper, id))
  const row = tx.entries.findId(id)
  if (row === undefined) return false
  row.nlink = 0
  tx.entries.update(row)
  return true
}

/** A new inode without a name, with what a directory passes on to its own, and held by the session. */
export function addOrphan(
  tx: Tx,
  context: CommandContext,
  directory: number,
  inode: Omit<NewInode, 'name'>,
): EntryRow {
  const named = { ...inode, name: orphanName(context.clientId, inode.id) }
  const row = addInode(tx, context, directory, named, tx.directories.slotOf(ORPHAN_INODE))
  row.nlink = 0
  tx.entries.update(row)
  return row
}

/** The orphan of a session at a path by inode; whoever has it open needs no right to reach it. */
export function ownOrphan(tx: Tx, clientId: string, path: string): EntryRow | undefined {
  const id = inodeIdOf(path)
  return id === undefined ? undefined : tx.entries.find(ORPHAN_INODE, orphanName(clientId, id))
}

/** Gives an orphan a name, a free one. */
export function nameOrphan(tx: Tx, context: CommandContext, row: EntryRow, place: Place): void {
  const parent = tx.directories.slotOf(ORPHAN_INODE)
  moveEntry(tx, context, { slot: -1, row, parent, name: row.name }, place.parent, place.name)
}

/** Whether the inode is an orphan of the session. */
export function isOrphanOf(tx: Tx, clientId: string, inodeId: number): boolean {
  return tx.entries.find(ORPHAN_INODE, orphanName(clientId, inodeId)) !== undefined
}

/**
 * Gives an orphan of one session to another that has it open, or with '' lets it go; anything else stays as
 * it is.
 */
export function passOrphan(
  tx: Tx,
  context: CommandContext,
  { inodeId, from, to }: { readonly inodeId: number; readonly from: string; readonly to: string },
): void {
  const parent = tx.directories.slotOf(ORPHAN_INODE)
  const name = orphanName(from, inodeId)
  const row = tx.entries.find(ORPHAN_INODE, name)
  if (row === undefined || from === to) return
  const target: Target = { slot: -1, row, parent, name }
  if (to === '') dropEntry(tx, context, target)
  else moveEntry(tx, context, target, parent, orphanName(to, inodeId))
}

/** Some orphans of a session, in order of name. */
export function orphansOf(tx: Tx, clientId: string): number[] {
  const rows = tx.entries.page(ORPHAN_INODE, `${clientId}-`, PAGE)
  return rows.filter(row => row.name.startsWith(`${clientId}-`)).map(row => row.id)
}

/** Sessions that have orphans, in order; looks at no more rows than there are such sessions. */
export function sessionsWithOrphans(tx: Tx): string[] {
  const clientIds: string[] = []
  for (let after = ''; ; ) {
    const row = tx.entries.page(ORPHAN_INODE, after, 1)[0]
    if (row === undefined) return clientIds
    const clientId = row.name.slice(0, CLIENT_CHARS)
    clientIds.push(clientId)
    // Behind every name of that session: a dot follows the dash in byte order.
    after = `${clientId}.`
  }
}

function orphanName(clientId: string, inodeId: number): string {
  return `${clientId}-${inodeId}`
}
