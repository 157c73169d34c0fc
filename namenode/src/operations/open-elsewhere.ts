/**
 * Files that lose their last name while sessions have them open. Which ones have is soft state of the leader,
 * so it puts what it knows into each command that may take a name away; where the command finds another
 * inode than the leader saw, the inode is kept for nobody in particular, until the leader has looked again.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { int, list, record, text, type ValueOf } from '@hopbine/common/wire/codec.ts'
import { callerOf } from '../namespace/permission.ts'
import { lookUp, type Place, resolvePlace, type Target } from '../namespace/resolve.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import type { PrepareContext } from './operation.ts'

/** Holds orphans of which the leader has yet to find out who has them open. No session has this id. */
export const UNKNOWN_OWNER = '0'.repeat(32)

const held = record({ inodeId: int, owner: text })

export const openElsewhere = record({
  /** What the name stood for when the leader looked; 0: nothing, or something else by now. */
  inodeId: int,
  /** Another session that has it open; '': none. */
  owner: text,
  /** Newest inode that other sessions have open; 0: none. */
  newest: int,
  /** Of a tree: inodes in it that other sessions have open. */
  within: list(held),
})
export type OpenElsewhere = ValueOf<typeof openElsewhere>

export const NOTHING_OPEN: OpenElsewhere = { inodeId: 0, owner: '', newest: 0, within: [] }

/**
 * What other sessions have open of what is at a path; of a directory only if it is taken away as a tree.
 */
export function lookElsewhere(
  context: PrepareContext,
  path: string,
  { resolve = resolvePlace, recursive = false } = {},
): OpenElsewhere {
  const { state, openFiles, clientId, principal } = context
  if (openFiles.isNothing(clientId)) return NOTHING_OPEN
  const caller = callerOf(state, principal)
  const target = quiet(() => lookUp(state, resolve(state, caller, path)))
  const newest = openFiles.newest(clientId)
  if (target !== undefined && target.row === undefined) {
    if (recursive || openFiles.isBehind) openFiles.taking(0)
    const within = recursive ? openFiles.within(target.slot, clientId) : []
    return { inodeId: 0, owner: '', newest, within }
  }
  const inodeId = target?.row?.id ?? 0
  openFiles.taking(openFiles.isBehind ? 0 : inodeId)
  if (inodeId === 0) return { inodeId, owner: '', newest, within: [] }
  return { inodeId, owner: openFiles.holder(inodeId, clientId), newest, within: [] }
}

/** The session for which an inode without a name is kept; '': for none. */
export function keeperOf(
  context: CommandContext,
  row: EntryRow,
  keepOpen: readonly number[] | undefined,
  elsewhere: OpenElsewhere,
): string {
  if (keepOpen?.includes(row.id)) return context.clientId
  if (row.kind !== KIND.file) return ''
  if (row.id === elsewhere.inodeId) return elsewhere.owner
  return row.id <= elsewhere.newest ? UNKNOWN_OWNER : ''
}

/** Files in a tree that others have open, as they are by now. */
export function* heldWithin(tx: Tx, slot: number, elsewhere: OpenElsewhere): Iterable<[Target, string]> {
  for (const { inodeId, owner } of elsewhere.within) {
    const row = tx.entries.findId(inodeId)
    if (row === undefined || row.nlink !== 1) continue
    const place: Place = { parent: tx.directories.slotOf(row.parentId), name: row.name }
    const target = lookUp(tx, place)
    if (target?.row !== undefined && tx.directories.isWithin(place.parent, slot)) yield [target, owner]
  }
}

/** A path that leads nowhere now is refused when the command is applied. */
function quiet<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (error) {
    if (!isFsError(error)) throw error
    return undefined
  }
}
