/** Attributes as clients see them, from rows and slots. */
import { type FileStatus, KIND } from '@hopbine/common/protocol/types.ts'
import { PUBLIC_FLAGS } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import type { Target } from './resolve.ts'

export function statusOf(tx: Tx, target: Target): FileStatus {
  if (target.row === undefined) return statusOfDirectory(tx, target.slot)
  const status = statusOfRow(tx, target.row)
  // The inode may lie under another of its names.
  return target.name === status.name ? status : { ...status, name: target.name }
}

export function statusOfRow(tx: Tx, row: EntryRow): FileStatus {
  if (row.kind === KIND.directory) return statusOfDirectory(tx, tx.directories.slotOf(row.id))
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    mode: row.mode,
    owner: tx.identities.nameOf(row.ownerId),
    group: tx.identities.nameOf(row.groupId),
    size: row.size,
    atime: row.atime,
    atimeNs: row.atimeNs,
    mtime: row.mtime,
    mtimeNs: row.mtimeNs,
    ctime: row.ctime,
    ctimeNs: row.ctimeNs,
    nlink: row.nlink,
    blockSize: row.blockSize,
    replication: row.replication,
    children: 0,
    flags: row.flags & PUBLIC_FLAGS,
    generation: row.generation,
    target: row.target ?? '',
  }
}

export function statusOfDirectory(tx: Tx, slot: number): FileStatus {
  const d = tx.directories
  return {
    id: d.id[slot] as number,
    name: d.nameOf(slot),
    kind: KIND.directory,
    mode: d.mode[slot] as number,
    owner: tx.identities.nameOf(d.ownerId[slot] as number),
    group: tx.identities.nameOf(d.groupId[slot] as number),
    size: 0,
    atime: d.atime[slot] as number,
    atimeNs: d.atimeNs[slot] as number,
    mtime: d.mtime[slot] as number,
    mtimeNs: d.mtimeNs[slot] as number,
    ctime: d.ctime[slot] as number,
    ctimeNs: d.ctimeNs[slot] as number,
    // Itself, its name in the parent, and the `..` of each subdirectory.
    nlink: 2 + (d.subdirectories[slot] as number),
    blockSize: 0,
    replication: 0,
    children: d.children[slot] as number,
    flags: (d.flags[slot] as number) & PUBLIC_FLAGS,
    generation: 0,
    target: '',
  }
}
