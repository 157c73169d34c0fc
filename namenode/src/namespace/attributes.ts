/**
 * Attributes of an inode whatever its kind: read into one row, written back to where each kind keeps them. A
 * directory has its access side in `entry` and in the packed table.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { idOf, kindOf } from './entries.ts'
import type { Target } from './resolve.ts'

/** The row behind a target, for changing attributes. */
export function rowOf(tx: Tx, target: Target): EntryRow {
  if (target.row !== undefined) return target.row
  const row = tx.entries.findId(tx.directories.id[target.slot] as number)
  assert(row !== undefined, 'a directory has its entry')
  return row
}

/**
 * Writes mode, owner, group, flags and times of a row, with the change time of the command, and tells the
 * feed.
 */
export function saveAttributes(
  tx: Tx,
  context: CommandContext,
  target: Target,
  row: EntryRow,
  what: string,
): void {
  row.ctime = context.seconds
  row.ctimeNs = context.nanos
  tx.entries.update(row)
  if (target.row === undefined) {
    const d = tx.directories
    const { slot } = target
    d.mode[slot] = row.mode
    d.ownerId[slot] = row.ownerId
    d.groupId[slot] = row.groupId
    d.flags[slot] = row.flags
    d.atime[slot] = row.atime
    d.atimeNs[slot] = row.atimeNs
    d.ctime[slot] = row.ctime
    d.ctimeNs[slot] = row.ctimeNs
    d.attributesChanged(slot)
    d.markDirty(slot)
  }
  const { parentId, name, size } = row
  tx.changed(context, { what, inodeId: idOf(tx, target), parentId, name, kind: kindOf(target), size })
}
