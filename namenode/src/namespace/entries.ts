/**
 * Adding, moving and dropping names with everything that goes with it: child counts, totals of every
 * directory above, times of the parent. Checks are the callers'; what is here only writes.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { type FullAcl, inheritedMode } from '@hopbine/common/rules/acl.ts'
import { inheritsGroup, newMode } from '@hopbine/common/rules/permission.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import { ACL_FLAGS, ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { dropLeasesWithin } from './directory-leases.ts'
import { dropLease } from './lease.ts'
import { addBytes, dropName } from './links.ts'
import type { Target } from './resolve.ts'

export interface NewInode {
  readonly id: number
  readonly name: string
  readonly kind: number
  readonly mode: number
  /** Bits taken off the mode unless the parent has a default ACL. */
  readonly umask?: number | undefined
  readonly size?: number
  readonly blockSize?: number
  readonly replication?: number
  readonly flags?: number
  readonly target?: string
}

/**
 * Makes an inode under a name that is free: owned by the caller, with the parent's group and default ACL
 * where that directory has such. It may lie elsewhere, in the directory `at`. Checks are the callers'.
 */
export function addInode(
  tx: Tx,
  context: CommandContext,
  parent: number,
  inode: NewInode,
  at = parent,
): EntryRow {
  const inherited = inode.kind === KIND.symlink ? undefined : defaultAclOf(tx, parent)
  const row = newRow(tx, context, parent, inode, inherited)
  row.parentId = tx.directories.id[at] as number
  assert(addEntry(tx, context, at, row), `${inode.name} was free`)
  if (row.flags & ENTRY_FLAG.accessAcl) tx.acls.setAccess(row.id, inherited?.acl)
  if (row.flags & ENTRY_FLAG.defaultAcl) tx.acls.setDefault(row.id, inherited)
  return row
}

function defaultAclOf(tx: Tx, slot: number): FullAcl<number> | undefined {
  if (((tx.directories.flags[slot] as number) & ENTRY_FLAG.defaultAcl) === 0) return undefined
  return tx.acls.default(tx.directories.id[slot] as number)
}

function newRow(
  tx: Tx,
  context: CommandContext,
  parent: number,
  inode: NewInode,
  inherited: FullAcl<number> | undefined,
): EntryRow {
  const { seconds, nanos } = context
  const parentMode = tx.directories.mode[parent] as number
  const inherits = inheritsGroup(parentMode)
  const ownGroup = context.groups[0] ?? context.user
  const group = inherits ? (tx.directories.groupId[parent] as number) : tx.identities.intern(ownGroup)
  // By name: a group that owned nothing had no number when the caller was looked up.
  const isMember = context.superuser || context.groups.includes(tx.identities.nameOf(group))
  const mode =
    inherited === undefined
      ? inode.mode & ~((inode.umask ?? 0) & 0o777)
      : inheritedMode(inherited, inode.mode)
  const accessFlag = inherited?.acl === undefined ? 0 : ENTRY_FLAG.accessAcl
  const defaultFlag = inherited === undefined || inode.kind !== KIND.directory ? 0 : ENTRY_FLAG.defaultAcl
  return {
    parentId: tx.directories.id[parent] as number,
    name: inode.name,
    id: inode.id,
    kind: inode.kind,
    mode: newMode(inode.kind, mode, parentMode, isMember),
    ownerId: tx.identities.intern(context.user),
    groupId: group,
    size: inode.size ?? 0,
    atime: seconds,
    atimeNs: nanos,
    mtime: seconds,
    mtimeNs: nanos,
    ctime: seconds,
    ctimeNs: nanos,
    nlink: 1,
    blockSize: inode.blockSize ?? 0,
    replication: inode.replication ?? 0,
    storageClass: 0,
    flags: (inode.flags ?? 0) | accessFlag | defaultFlag,
    generation: 1,
    target: inode.target ?? null,
  }
}

/** Adds a name that is free. False, and nothing written, when it is taken. */
export function addEntry(tx: Tx, context: CommandContext, parent: number, row: EntryRow): boolean {
  if (!tx.entries.insert(row)) return false
  const isDirectory = row.kind === KIND.directory
  if (isDirectory) addDirectory(tx, row)
  tx.meta.used(row.id)
  countChild(tx, parent, 1, isDirectory ? 1 : 0)
  tx.directories.addTotals(
    parent,
    isDirectory ? 0 : 1,
    isDirectory ? 1 : 0,
    row.size,
    row.size * row.replication,
  )
  touchDirectory(tx, context, parent)
  return true
}

function addDirectory(tx: Tx, row: EntryRow): void {
  tx.directoryRows.insert(row.id, row.mtime, row.mtimeNs)
  tx.directories.add({
    ...row,
    children: 0,
    subdirectories: 0,
    files: 0,
    directories: 0,
    bytes: 0,
    diskBytes: 0,
    nameQuota: NO_QUOTA,
    spaceQuota: NO_QUOTA,
  })
}

/** What a name and everything below it count for in the totals above. */
export interface Weight {
  readonly files: number
  readonly directories: number
  readonly bytes: number
  readonly diskBytes: number
}

export function weightOf(tx: Tx, target: Target): Weight {
  if (target.row !== undefined) {
    const { size, replication } = target.row
    return { files: 1, directories: 0, bytes: size, diskBytes: size * replication }
  }
  const { slot } = target
  return {
    files: tx.directories.files[slot] as number,
    directories: (tx.directories.directories[slot] as number) + 1,
    bytes: tx.directories.bytes[slot] as number,
    diskBytes: tx.directories.diskBytes[slot] as number,
  }
}

export function idOf(tx: Tx, target: Target): number {
  return target.row === undefined ? (tx.directories.id[target.slot] as number) : target.row.id
}

/** Id of the row that holds the name. */
export function entryIdOf(tx: Tx, target: Target): number {
  return target.row !== undefined && target.link !== undefined ? target.link.id : idOf(tx, target)
}

/** A name that moved changes the inode, which lies elsewhere when the name is a further one. */
export function touchLinked(tx: Tx, context: CommandContext, target: Target): void {
  if (target.row === undefined || target.link === undefined) return
  target.row.ctime = context.seconds
  target.row.ctimeNs = context.nanos
  tx.entries.update(target.row)
}

export function kindOf(target: Target): number {
  return target.row === undefined ? KIND.directory : target.row.kind
}

/** Gives a name (and the tree below it) another place. Both parents get their totals and times. */
export function moveEntry(
  tx: Tx,
  context: CommandContext,
  target: Target,
  toParent: number,
  toName: string,
): void {
  const { seconds, nanos } = context
  const weight = weightOf(tx, target)
  const isDirectory = target.row === undefined ? 1 : 0
  const from = {
    parentId: tx.directories.id[target.parent] as number,
    name: target.row === undefined ? tx.directories.nameOf(target.slot) : target.name,
  }
  const to = { parentId: tx.directories.id[toParent] as number, name: toName }
  tx.entries.move(entryIdOf(tx, target), from, to, seconds, nanos)
  touchLinked(tx, context, target)
  addWeight(tx, target.parent, weight, -1)
  countChild(tx, target.parent, -1, -isDirectory)
  touchDirectory(tx, context, target.parent)
  if (target.row === undefined) {
    tx.directories.move(target.slot, toParent, toName)
    tx.leases.reserves.move(target.slot, target.parent, toParent)
    touchAccess(tx, context, target.slot)
  }
  addWeight(tx, toParent, weight, 1)
  countChild(tx, toParent, 1, isDirectory)
  touchDirectory(tx, context, toParent)
}

/**
 * Takes a name away at a cost that does not follow what it holds: a tree, or a file with blocks, moves below
 * the reclaim directory, where a background command takes it apart; anything else goes at once.
 */
export function dropEntry(tx: Tx, context: CommandContext, target: Target): void {
  if (target.row !== undefined && target.row.nlink > 1) {
    addWeight(tx, target.parent, weightOf(tx, target), -1)
    countChild(tx, target.parent, -1, 0)
    touchDirectory(tx, context, target.parent)
    return dropName(tx, context, target)
  }
  if (target.row === undefined || holdsBlocks(tx, target.row)) {
    if (target.row !== undefined) dropLease(tx, target.row.id)
    else dropLeasesWithin(tx, target.slot)
    const reclaim = tx.directories.slotOf(RECLAIM_INODE)
    return moveEntry(tx, context, target, reclaim, String(idOf(tx, target)))
  }
  const { row, parent } = target
  addWeight(tx, parent, weightOf(tx, target), -1)
  countChild(tx, parent, -1, 0)
  touchDirectory(tx, context, parent)
  deleteInode(tx, row)
}

/**
 * Deletes the row of an inode that has no blocks and no children, with what hangs on it. Totals are the
 * caller's.
 */
export function deleteInode(tx: Tx, row: EntryRow): void {
  dropLease(tx, row.id)
  if (row.flags & ENTRY_FLAG.inline) tx.inline.delete(row.id)
  if (row.flags & ENTRY_FLAG.xattrs) tx.xattrs.deleteAll(row.id)
  if (row.flags & ACL_FLAGS) tx.acls.deleteAll(row.id)
  tx.entries.delete(row.parentId, row.name)
}

/** Counts a weight `sign` times into a directory and everything above it. */
export function addWeight(tx: Tx, slot: number, weight: Weight, sign: 1 | -1): void {
  const { files, directories, bytes, diskBytes } = weight
  tx.directories.addTotals(slot, sign * files, sign * directories, sign * bytes, sign * diskBytes)
}

/**
 * Writes a file's new size into its row and the totals above it; the caller has checked the quota and sets
 * times.
 */
export function resizeFile(tx: Tx, row: EntryRow, size: number): void {
  const delta = size - row.size
  row.size = size
  if (delta !== 0) addBytes(tx, row, delta, delta * row.replication)
}

export function countChild(tx: Tx, slot: number, children: number, subdirectories: number): void {
  const d = tx.directories
  d.children[slot] = (d.children[slot] as number) + children
  d.subdirectories[slot] = (d.subdirectories[slot] as number) + subdirectories
  d.markDirty(slot)
}

/** Entries of the directory changed. */
export function touchDirectory(tx: Tx, context: CommandContext, slot: number): void {
  tx.directories.mtime[slot] = context.seconds
  tx.directories.mtimeNs[slot] = context.nanos
  tx.directories.entriesChanged(slot)
  touchAccess(tx, context, slot)
}

/** Attributes of the directory changed. */
export function touchAccess(tx: Tx, context: CommandContext, slot: number): void {
  tx.directories.ctime[slot] = context.seconds
  tx.directories.ctimeNs[slot] = context.nanos
  tx.directories.attributesChanged(slot)
  tx.directories.markDirty(slot)
}

/** The content of a file changed. */
export function touchContent(context: CommandContext, row: EntryRow): void {
  row.mtime = context.seconds
  row.mtimeNs = context.nanos
  row.ctime = context.seconds
  row.ctimeNs = context.nanos
}

function holdsBlocks(tx: Tx, row: EntryRow): boolean {
  return row.kind === KIND.file && tx.blocks.ofInodeExists(row.id)
}
