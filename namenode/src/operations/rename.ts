/**
 * rename: a name and everything below it gets another place, at the same cost for a file and for a million.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { rename as method, RENAME } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, WRITE } from '@hopbine/common/rules/permission.ts'
import { record } from '@hopbine/common/wire/codec.ts'
import { leasesWithin } from '../namespace/directory-leases.ts'
import {
  addWeight,
  countChild,
  dropEntry,
  entryIdOf,
  idOf,
  kindOf,
  moveEntry,
  touchAccess,
  touchDirectory,
  touchLinked,
  weightOf,
} from '../namespace/entries.ts'
import { closeIfLast } from '../namespace/lease.ts'
import { keepOrphan } from '../namespace/orphans.ts'
import { type Caller, callerOf, requireDirectoryAccess, requireRemovable } from '../namespace/permission.ts'
import { commonAncestor, leasedBelow, requireRoom } from '../namespace/quota.ts'
import { lookUp, notFound, type Place, resolvePlace, type Target } from '../namespace/resolve.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { keeperOf, lookElsewhere, NOTHING_OPEN, openElsewhere } from './open-elsewhere.ts'
import { write } from './operation.ts'

export const rename = write({
  method,
  command: record({ request: method.request, elsewhere: openElsewhere }),
  prepare(request, context) {
    const { to, mode } = request
    return { request, elsewhere: mode === RENAME.replace ? lookElsewhere(context, to) : NOTHING_OPEN }
  },
  apply(tx, context, { request: { from, to, mode, keepOpen }, elsewhere }) {
    if (mode > RENAME.exchange) throw new FsError('INVALID_ARGUMENT', `rename mode ${mode} is unknown`)
    const caller = callerOf(tx, context)
    const fromPlace = named(resolvePlace(tx, caller, from), from)
    const toPlace = named(resolvePlace(tx, caller, to), to)
    const source = lookUp(tx, fromPlace)
    if (source === undefined) throw notFound(from)
    const existing = lookUp(tx, toPlace)
    requireMovable(tx, caller, source, toPlace.parent)
    if (mode === RENAME.exchange) {
      if (existing === undefined) throw notFound(to)
      return exchange(tx, context, caller, source, existing)
    }
    if (existing === undefined) {
      requireDirectoryAccess(tx, caller, toPlace.parent, WRITE | EXECUTE)
    } else {
      if (mode === RENAME.noReplace) throw new FsError('ALREADY_EXISTS', `${to} exists`, { path: to })
      if (idOf(tx, existing) === idOf(tx, source)) return {}
      requireReplaceable(tx, caller, source, existing)
    }
    requireRoomToMove(tx, source, toPlace.parent, existing)
    const keeper = existing?.row === undefined ? '' : keeperOf(context, existing.row, keepOpen, elsewhere)
    const isKept = existing !== undefined && keepOrphan(tx, context, existing, keeper)
    if (existing !== undefined) tx.touched(context, idOf(tx, existing), tx.directories.id[toPlace.parent])
    if (existing !== undefined && !isKept) {
      if (existing.row !== undefined) closeIfLast(tx, context, existing.row)
      dropEntry(tx, context, existing)
    }
    tellMove(tx, context, source, toPlace)
    moveEntry(tx, context, source, toPlace.parent, toPlace.name)
    return isKept && keeper === context.clientId ? { kept: [idOf(tx, existing)] } : {}
  },
})

function named(place: Place, path: string): Place {
  if (place.name === '') throw new FsError('INVALID_ARGUMENT', `${path} has no name that could change`)
  return place
}

/** The source may leave its directory, and does not go below itself. */
function requireMovable(tx: Tx, caller: Caller, source: Target, toParent: number): void {
  const owner =
    source.row === undefined ? (tx.directories.ownerId[source.slot] as number) : source.row.ownerId
  requireRemovable(tx, caller, source.parent, owner)
  if (source.row !== undefined) return
  if (tx.directories.isWithin(toParent, source.slot)) {
    throw new FsError('INVALID_ARGUMENT', 'a directory cannot move below itself')
  }
  // A directory that gets another parent changes its `..`.
  if (source.parent !== toParent) requireDirectoryAccess(tx, caller, source.slot, WRITE)
}

/** POSIX rename(2): directory onto empty directory, other onto other. */
function requireReplaceable(tx: Tx, caller: Caller, source: Target, existing: Target): void {
  const sourceIsDirectory = kindOf(source) === KIND.directory
  if (existing.row === undefined) {
    if (!sourceIsDirectory) throw new FsError('IS_A_DIRECTORY', `${existing.name} is a directory`)
    if ((tx.directories.children[existing.slot] as number) > 0) throw new FsError('NOT_EMPTY')
    requireRemovable(tx, caller, existing.parent, tx.directories.ownerId[existing.slot] as number)
    return
  }
  if (sourceIsDirectory) throw new FsError('NOT_A_DIRECTORY', `${existing.name} is not a directory`)
  requireRemovable(tx, caller, existing.parent, existing.row.ownerId)
}

/** Quotas of the directories that gain something: those above the new place and not above the old one. */
function requireRoomToMove(tx: Tx, source: Target, toParent: number, replaced: Target | undefined): void {
  requireQuotaKnown(tx, source, toParent)
  const weight = weightOf(tx, source)
  const less = replaced === undefined ? undefined : weightOf(tx, replaced)
  const names = weight.files + weight.directories - ((less?.files ?? 0) + (less?.directories ?? 0))
  const diskBytes = weight.diskBytes - (less?.diskBytes ?? 0)
  requireRoom(tx, toParent, names, diskBytes, commonAncestor(tx, source.parent, toParent))
}

/** Who holds a directory goes by its quota, so that it comes below another one only when nobody does. */
function requireQuotaKnown(tx: Tx, { row, slot, parent }: Target, toParent: number): void {
  const { directories, leases } = tx
  if (row !== undefined || leases.count === 0) return
  if (directories.quotaRootOf(parent) === directories.quotaRootOf(toParent)) return
  if (leasesWithin(tx, slot).length > 0) throw leasedBelow(tx, slot, 'they would come below another quota')
}

function exchange(
  tx: Tx,
  context: CommandContext,
  caller: Caller,
  a: Target,
  b: Target,
): Record<string, never> {
  if (idOf(tx, a) === idOf(tx, b)) return {}
  requireMovable(tx, caller, b, a.parent)
  requireRoomToMove(tx, a, b.parent, b)
  requireRoomToMove(tx, b, a.parent, a)
  tellMove(tx, context, a, { parent: b.parent, name: b.name })
  tellMove(tx, context, b, { parent: a.parent, name: a.name })
  swapRows(tx, context, a, b)
  swapTotals(tx, a, b)
  for (const parent of [a.parent, b.parent]) touchDirectory(tx, context, parent)
  if (a.row === undefined && b.row === undefined) tx.directories.exchange(a.slot, b.slot)
  else if (a.row === undefined) tx.directories.move(a.slot, b.parent, b.name)
  else if (b.row === undefined) tx.directories.move(b.slot, a.parent, a.name)
  if (a.row === undefined) tx.leases.reserves.move(a.slot, a.parent, b.parent)
  if (b.row === undefined) tx.leases.reserves.move(b.slot, b.parent, a.parent)
  for (const { row, slot } of [a, b]) if (row === undefined) touchAccess(tx, context, slot)
  return {}
}

/** The key is unique at every moment, so one of the two steps aside under a name that no path can have. */
function swapRows(tx: Tx, context: CommandContext, a: Target, b: Target): void {
  const { seconds, nanos } = context
  const [idA, idB] = [entryIdOf(tx, a), entryIdOf(tx, b)]
  const [parentA, parentB] = [tx.directories.id[a.parent] as number, tx.directories.id[b.parent] as number]
  const placeA = { parentId: parentA, name: a.name }
  const placeB = { parentId: parentB, name: b.name }
  const aside = { parentId: parentA, name: '/' }
  tx.entries.move(idA, placeA, aside, seconds, nanos)
  tx.entries.move(idB, placeB, placeA, seconds, nanos)
  tx.entries.move(idA, aside, placeB, seconds, nanos)
  touchLinked(tx, context, a)
  touchLinked(tx, context, b)
}

function swapTotals(tx: Tx, a: Target, b: Target): void {
  if (a.parent === b.parent) return
  const [weightA, weightB] = [weightOf(tx, a), weightOf(tx, b)]
  const [directoryA, directoryB] = [a.row === undefined ? 1 : 0, b.row === undefined ? 1 : 0]
  addWeight(tx, a.parent, weightA, -1)
  addWeight(tx, b.parent, weightB, -1)
  addWeight(tx, a.parent, weightB, 1)
  addWeight(tx, b.parent, weightA, 1)
  countChild(tx, a.parent, 0, directoryB - directoryA)
  countChild(tx, b.parent, 0, directoryA - directoryB)
}

function tellMove(tx: Tx, context: CommandContext, source: Target, to: Place): void {
  tx.changed(context, {
    what: 'rename',
    inodeId: idOf(tx, source),
    parentId: tx.directories.id[to.parent] as number,
    name: to.name,
    oldParentId: tx.directories.id[source.parent] as number,
    oldName: source.name,
    kind: kindOf(source),
    size: source.row?.size ?? 0,
  })
}
