/** What mkdir and mkdirs share: the last step. */
import { type FileStatus, KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, MODE_BITS, WRITE } from '@hopbine/common/rules/permission.ts'
import { addInode } from '../namespace/entries.ts'
import { type Caller, requireDirectoryAccess } from '../namespace/permission.ts'
import { requireRoom } from '../namespace/quota.ts'
import type { Place } from '../namespace/resolve.ts'
import { statusOfDirectory } from '../namespace/status.ts'
import type { CommandContext, Tx } from '../store/tx.ts'

export function requireRoomForDirectories(tx: Tx, caller: Caller, parent: number, count: number): void {
  requireDirectoryAccess(tx, caller, parent, WRITE | EXECUTE)
  requireRoom(tx, parent, count, 0)
}

/** Makes a directory at a place that is free, after all checks. */
export function makeDirectory(
  tx: Tx,
  context: CommandContext,
  place: Place,
  { mode, umask }: { readonly mode: number; readonly umask?: number | undefined },
  id: number,
): FileStatus {
  const inode = { id, name: place.name, kind: KIND.directory, mode: mode & MODE_BITS, umask }
  const row = addInode(tx, context, place.parent, inode)
  tx.changed(context, {
    what: 'mkdir',
    inodeId: id,
    parentId: row.parentId,
    name: row.name,
    kind: row.kind,
  })
  return statusOfDirectory(tx, tx.directories.slotOf(id))
}
