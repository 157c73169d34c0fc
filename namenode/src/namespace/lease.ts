/**
 * Write leases of files: one session at a time may write. A session that was silent past the soft limit may
 * be pushed aside by another; the file is then closed at what its writer had committed.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { releaseUnusedBlocks } from './content.ts'

/**
 * Throws LEASE_CONFLICT while a session that still speaks has the file open. `silent` are those that do not.
 */
export function requireTakeable(tx: Tx, row: EntryRow, silent: readonly string[]): void {
  const holder = tx.sessions.holderOf(row.id)
  if (holder === '' || silent.includes(holder)) return
  throw new FsError('LEASE_CONFLICT', `${row.name} is open for writing by client ${holder}`, { holder })
}

/** The row of a file that the caller's session has open for writing. */
export function requireLease(tx: Tx, context: CommandContext, inodeId: number): EntryRow {
  if (tx.sessions.holderOf(inodeId) !== context.clientId) {
    throw new FsError('LEASE_LOST', `this session does not have inode ${inodeId} open for writing`)
  }
  const row = tx.entries.findId(inodeId)
  if (row === undefined) throw new FsError('STALE', `inode ${inodeId} is gone`)
  return row
}

/** Gives the caller's session the lease of a file. `fresh` says that the file cannot have blocks yet. */
export function beginLease(tx: Tx, context: CommandContext, row: EntryRow, fresh: boolean): void {
  tx.sessions.grant(context.clientId, row.id, !fresh)
  tx.entries.pin(row)
}

/** Forgets who has a file open; neither its blocks nor its row are touched. */
export function dropLease(tx: Tx, inodeId: number): void {
  tx.sessions.release(inodeId)
  tx.entries.unpin(inodeId)
}

/**
 * Ends the lease of a file, if there is one: unused blocks go, what was committed stays. Does not write the
 * row.
 */
export function endLease(tx: Tx, context: CommandContext, row: EntryRow): void {
  if ((row.flags & ENTRY_FLAG.open) === 0) return
  if (tx.sessions.mayHaveBlocks(row.id)) releaseUnusedBlocks(tx, context, row.id)
  dropLease(tx, row.id)
  row.flags &= ~(ENTRY_FLAG.open | ENTRY_FLAG.unborn)
}

/** Ends the lease of a file whose last name is about to go; one with further names stays open. */
export function closeIfLast(tx: Tx, context: CommandContext, row: EntryRow): void {
  if (row.nlink <= 1) closeFile(tx, context, row)
}

/** Ends the lease of a file and writes the row. */
export function closeFile(tx: Tx, context: CommandContext, row: EntryRow): void {
  if ((row.flags & ENTRY_FLAG.open) === 0) return
  endLease(tx, context, row)
  tx.entries.updateContent(row)
}
