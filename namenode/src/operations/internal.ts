/**
 * Commands that the leader gives itself: taking removed trees apart, closing files of vanished writers,
 * forgetting idle sessions, repairing totals. They pass through the log like any other and cannot be called
 * from outside.
 */
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { method } from '@hopbine/common/protocol/method.ts'
import { int, list, nothing, record, text } from '@hopbine/common/wire/codec.ts'
import { releaseUnusedBlocks } from '../namespace/content.ts'
import { addWeight, countChild, deleteInode, dropEntry, weightOf } from '../namespace/entries.ts'
import { closeFile } from '../namespace/lease.ts'
import { fileTarget } from '../namespace/links.ts'
import { passOrphan } from '../namespace/orphans.ts'
import { ACL_FLAGS, ENTRY_FLAG, LINK_KIND } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { plainWrite } from './operation.ts'

/** First entry of a term: commits whatever a predecessor left. Changes nothing. */
export const noop = plainWrite(method(200, 'noop', 'write', 1, nothing, nothing), () => ({}))

/** Takes at most about `max` rows of removed trees apart; `left` entries still wait at the top. */
export const reclaim = plainWrite(
  method(201, 'reclaim', 'write', 1, record({ max: int }), record({ left: int })),
  (tx, context, { max }) => {
    const top = tx.directories.slotOf(RECLAIM_INODE)
    let budget = max
    while (budget > 0) {
      const [row] = tx.entries.page(RECLAIM_INODE, '', 1)
      if (row === undefined) break
      const slot = tx.directories.findId(row.id)
      budget -= slot < 0 ? reclaimFile(tx, context, row, budget) : reclaimDirectory(tx, context, slot, budget)
    }
    return { left: tx.directories.children[top] as number }
  },
)

/** Returns the rows touched, at least one. */
function reclaimFile(tx: Tx, context: CommandContext, row: EntryRow, budget: number): number {
  const extents = tx.extents.some(row.id, budget)
  for (const extent of extents) {
    tx.extents.delete(row.id, extent.offset)
    tx.blocks.addLive(extent.blockId, -extent.length, 0)
  }
  if (extents.length === budget) return budget
  releaseUnusedBlocks(tx, context, row.id, budget)
  if (tx.blocks.ofInodeExists(row.id)) return budget
  const parent = tx.directories.slotOf(RECLAIM_INODE)
  addWeight(tx, parent, weightOf(tx, { slot: -1, row, parent, name: row.name }), -1)
  countChild(tx, parent, -1, 0)
  deleteInode(tx, row)
  return extents.length + 1
}

/**
 * Drops children of a detached directory: subdirectories and files with blocks come to the top, others go.
 */
function reclaimDirectory(tx: Tx, context: CommandContext, slot: number, budget: number): number {
  const id = tx.directories.id[slot] as number
  const rows = tx.entries.page(id, '', budget)
  for (const row of rows) {
    const child = tx.directories.findId(row.id)
    if (child >= 0) {
      dropEntry(tx, context, { slot: child, row: undefined, parent: slot, name: row.name })
      continue
    }
    // Names of one inode may lie side by side: dropping one changes the others.
    const isLinked = row.kind === LINK_KIND || row.nlink > 1
    const fresh = isLinked ? tx.entries.find(id, row.name) : row
    if (fresh !== undefined) dropEntry(tx, context, fileTarget(tx, fresh, slot))
  }
  if (rows.length === budget) return budget
  const top = tx.directories.slotOf(RECLAIM_INODE)
  addWeight(tx, top, { files: 0, directories: 1, bytes: 0, diskBytes: 0 }, -1)
  countChild(tx, top, -1, -1)
  tx.directoryRows.delete(id)
  const flags = tx.directories.flags[slot] as number
  if (flags & ENTRY_FLAG.xattrs) tx.xattrs.deleteAll(id)
  if (flags & ACL_FLAGS) tx.acls.deleteAll(id)
  tx.entries.delete(RECLAIM_INODE, tx.directories.nameOf(slot))
  tx.directories.remove(slot)
  return rows.length + 1
}

/** Closes every file that a session has open, at what was committed. */
export const closeSession = plainWrite(
  method(202, 'lease-expired', 'write', 1, record({ clientId: text }), nothing),
  (tx, context, { clientId }) => {
    closeFilesOf(tx, context, clientId)
    return {}
  },
)

/** Each at what was committed. */
export function closeFilesOf(tx: Tx, context: CommandContext, clientId: string): void {
  for (const inodeId of tx.sessions.openInodes(clientId)) {
    const row = tx.entries.findId(inodeId)
    if (row === undefined) continue
    closeFile(tx, context, row)
    const { parentId, name, kind, size } = row
    tx.changed(context, { what: 'lease-expired', inodeId, parentId, name, kind, size })
  }
}

/** Gives inodes without a name to other sessions that have them open, or with '' lets them go. */
export const passOrphans = plainWrite(
  method(
    204,
    'passOrphans',
    'write',
    1,
    record({ items: list(record({ inodeId: int, from: text, to: text })) }),
    nothing,
  ),
  (tx, context, { items }) => {
    for (const item of items) passOrphan(tx, context, item)
    return {}
  },
)

/** Forgets sessions that did not write since `seconds` and hold no lease. */
export const expireSessions = plainWrite(
  method(203, 'expireSessions', 'write', 1, record({ clientIds: list(text), seconds: int }), nothing),
  (tx, _context, { clientIds, seconds }) => {
    for (const clientId of clientIds) tx.sessions.expire(clientId, seconds)
    return {}
  },
)
