/** link: one more name for an inode that is no directory. */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import { LINKS_MAX } from '@hopbine/common/base/limits.ts'
import { link as method } from '@hopbine/common/protocol/metadata.ts'
import { EXECUTE, WRITE } from '@hopbine/common/rules/permission.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { addEntry } from '../namespace/entries.ts'
import { linkRow } from '../namespace/links.ts'
import { nameOrphan, ownOrphan } from '../namespace/orphans.ts'
import { callerOf, requireDirectoryAccess } from '../namespace/permission.ts'
import { requireRoom } from '../namespace/quota.ts'
import { lookUp, notFound, type Place, resolvePlace, resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { write } from './operation.ts'

export const link = write({
  method,
  command: record({ request: method.request, id: int }),
  prepare: (request, context) => ({ request, id: context.drawIds(1) }),
  apply(tx, context, { request, id }) {
    const { from, to } = request
    const caller = callerOf(tx, context)
    const own = ownOrphan(tx, context.clientId, from)
    const row = own ?? resolveTarget(tx, caller, from, false).row
    if (row === undefined) throw new FsError('NOT_PERMITTED', `${from} is a directory`, { path: from })
    if (row.nlink === 0 && own === undefined) throw notFound(from)
    if (row.nlink >= LINKS_MAX) throw new FsError('TOO_MANY_LINKS', `${from} has ${row.nlink} names`)
    const place = resolvePlace(tx, caller, to)
    if (lookUp(tx, place) !== undefined) throw new FsError('ALREADY_EXISTS', `${to} exists`, { path: to })
    requireDirectoryAccess(tx, caller, place.parent, WRITE | EXECUTE)
    if (row.nlink > 0) requireSameRoot(tx, row, place.parent)
    requireRoom(tx, place.parent, 1, row.size * row.replication)
    if (row.nlink === 0) return nameUnnamed(tx, context, row, place)
    row.nlink += 1
    row.flags &= ~ENTRY_FLAG.unborn
    row.ctime = context.seconds
    row.ctimeNs = context.nanos
    tx.entries.update(row)
    const parentId = tx.directories.id[place.parent] as number
    const added = addEntry(tx, context, place.parent, linkRow(row, id, parentId, place.name))
    assert(added, `${to} was free`)
    const { kind, size } = row
    tx.changed(context, { what: 'link', inodeId: row.id, parentId, name: place.name, kind, size })
    return { status: statusOf(tx, { slot: -1, row, parent: place.parent, name: place.name }) }
  },
})

/** What has no name and is open gets one from the session that has it open, and from no other. */
function nameUnnamed(tx: Tx, context: CommandContext, orphan: EntryRow, place: Place) {
  nameOrphan(tx, context, orphan, place)
  const row = tx.entries.findId(orphan.id)
  assert(row !== undefined, `${place.name} has its inode`)
  row.nlink = 1
  row.flags &= ~ENTRY_FLAG.unborn
  row.ctime = context.seconds
  row.ctimeNs = context.nanos
  tx.entries.update(row)
  const { id: inodeId, parentId, name, kind, size } = row
  tx.changed(context, { what: 'link', inodeId, parentId, name, kind, size })
  return { status: statusOf(tx, { slot: -1, row, parent: place.parent, name }) }
}

/** A link across the border of a quota could carry bytes out of it. */
function requireSameRoot(tx: Tx, row: EntryRow, toParent: number): void {
  const { directories } = tx
  const from = directories.quotaRootOf(directories.slotOf(row.parentId))
  if (from === directories.quotaRootOf(toParent)) return
  throw new FsError('CROSS_SHARD', 'a link may not leave the directory whose quota counts the file')
}
