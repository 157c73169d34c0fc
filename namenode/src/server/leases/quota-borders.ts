/**
 * Requests that bring leased directories below another quota. Who holds a directory counts on what limits it,
 * so its lease goes first, also when its own session asks.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { RENAME, rename, setQuota } from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf } from '@hopbine/common/protocol/method.ts'
import type { Caller } from '../../namespace/permission.ts'
import { lookUp, resolvePlace, resolveTarget, type Target } from '../../namespace/resolve.ts'
import type { Tx } from '../../store/tx.ts'

/** Sees everything: rights are asked when the request is answered. */
const ANYBODY: Caller = { user: 0, groups: [], superuser: true }

/** Whether requests of this kind may need leases of their own session to go. */
export function mayMoveQuota({ id }: { readonly id: number }): boolean {
  return id === rename.id || id === setQuota.id
}

/** Slots of directories below which every lease must go before the request. */
export function quotaMoves(tx: Tx, { id }: Method<unknown, unknown>, request: unknown): number[] {
  try {
    if (id === setQuota.id) {
      const { path } = request as RequestOf<typeof setQuota>
      return directoriesOf(resolveTarget(tx, ANYBODY, path, true))
    }
    return id === rename.id ? ofRename(tx, request as RequestOf<typeof rename>) : []
  } catch (error) {
    // What cannot be found is told to the caller in its turn.
    if (isFsError(error)) return []
    throw error
  }
}

function ofRename(tx: Tx, { from, to, mode }: RequestOf<typeof rename>): number[] {
  const [source, target] = [resolvePlace(tx, ANYBODY, from), resolvePlace(tx, ANYBODY, to)]
  const { directories } = tx
  if (directories.quotaRootOf(source.parent) === directories.quotaRootOf(target.parent)) return []
  const moved = directoriesOf(lookUp(tx, source))
  return mode === RENAME.exchange ? [...moved, ...directoriesOf(lookUp(tx, target))] : moved
}

function directoriesOf(target: Target | undefined): number[] {
  return target === undefined || target.row !== undefined ? [] : [target.slot]
}
