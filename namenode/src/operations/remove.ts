/**
 * remove: a file, an empty directory, or a whole tree, which is only detached here and taken apart behind.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { remove as method, REMOVE } from '@hopbine/common/protocol/metadata.ts'
import { EXECUTE, READ, WRITE } from '@hopbine/common/rules/permission.ts'
import { record } from '@hopbine/common/wire/codec.ts'
import { dropEntry, idOf, kindOf, weightOf } from '../namespace/entries.ts'
import { closeIfLast } from '../namespace/lease.ts'
import { keepOrphan } from '../namespace/orphans.ts'
import { type Caller, callerOf, requireDirectoryAccess, requireRemovable } from '../namespace/permission.ts'
import { lookUp, notFound, resolvePlace, type Target } from '../namespace/resolve.ts'
import type { Tx } from '../store/tx.ts'
import { heldWithin, keeperOf, lookElsewhere, openElsewhere } from './open-elsewhere.ts'
import { write } from './operation.ts'

export const remove = write({
  method,
  command: record({ request: method.request, elsewhere: openElsewhere }),
  frees: true,
  prepare(request, context) {
    const { path, recursive } = request
    return { request, elsewhere: lookElsewhere(context, path, { recursive }) }
  },
  apply(tx, context, { request: { path, recursive, only, keepOpen }, elsewhere }) {
    if (only > REMOVE.directory) throw new FsError('INVALID_ARGUMENT', `unknown kind ${only}`)
    const caller = callerOf(tx, context)
    const place = resolvePlace(tx, caller, path)
    const target = lookUp(tx, place)
    if (target === undefined) throw notFound(path)
    if (target.parent < 0) throw new FsError('NOT_PERMITTED', `${path} cannot be removed`, { path })
    requireKind(tx, caller, target, path, recursive, only)
    const owner =
      target.row === undefined ? (tx.directories.ownerId[target.slot] as number) : target.row.ownerId
    requireRemovable(tx, caller, target.parent, owner)
    const { files, directories, bytes } = weightOf(tx, target)
    tx.changed(context, {
      what: 'remove',
      inodeId: idOf(tx, target),
      parentId: tx.directories.id[target.parent] as number,
      name: target.row === undefined ? tx.directories.nameOf(target.slot) : target.name,
      kind: kindOf(target),
      size: target.row?.size ?? 0,
    })
    if (target.row !== undefined) {
      const keeper = keeperOf(context, target.row, keepOpen, elsewhere)
      if (keepOrphan(tx, context, target, keeper)) {
        const kept = keeper === context.clientId ? [idOf(tx, target)] : undefined
        return { files, directories, bytes, kept }
      }
      closeIfLast(tx, context, target.row)
    } else {
      for (const [held, keeper] of heldWithin(tx, target.slot, elsewhere)) {
        keepOrphan(tx, context, held, keeper)
      }
    }
    dropEntry(tx, context, target)
    return { files, directories, bytes }
  },
})

function requireKind(
  tx: Tx,
  caller: Caller,
  target: Target,
  path: string,
  recursive: boolean,
  only: number,
): void {
  if (target.row !== undefined) {
    if (only === REMOVE.directory)
      throw new FsError('NOT_A_DIRECTORY', `${path} is not a directory`, { path })
    return
  }
  if (only === REMOVE.file) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
  if ((tx.directories.children[target.slot] as number) === 0) return
  if (!recursive) throw new FsError('NOT_EMPTY', `${path} is not empty`, { path })
  // Rights below are not asked one by one (that would cost the size of the tree): who may empty the top may
  // drop it.
  requireDirectoryAccess(tx, caller, target.slot, READ | WRITE | EXECUTE)
}
