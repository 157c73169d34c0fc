/**
 * create: a new file, whole at once when its bytes come along, else open and leased to the caller's session.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_BYTES_DEFAULT,
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  INLINE_BYTES_MAX,
  REPLICATION_DEFAULT,
  REPLICATION_MAX,
} from '@hopbine/common/base/limits.ts'
import { IF_EXISTS, create as method } from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, MODE_BITS, WRITE } from '@hopbine/common/rules/permission.ts'
import { int, list, record, text } from '@hopbine/common/wire/codec.ts'
import { addInode, dropEntry } from '../namespace/entries.ts'
import { beginLease, closeIfLast, requireTakeable } from '../namespace/lease.ts'
import { keepOrphan } from '../namespace/orphans.ts'
import { makeParents, missingParents } from '../namespace/parents.ts'
import {
  type Caller,
  callerOf,
  requireAccess,
  requireDirectoryAccess,
  requireRemovable,
} from '../namespace/permission.ts'
import { requireRoom } from '../namespace/quota.ts'
import { lookUp, type Place, resolvePlaceFollowing, type Target } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { keeperOf, lookElsewhere, NOTHING_OPEN, type OpenElsewhere, openElsewhere } from './open-elsewhere.ts'
import { type PrepareContext, write } from './operation.ts'

type Request = RequestOf<typeof method>

const DIRECTORY_MODE = 0o755

export const create = write({
  method,
  command: record({ request: method.request, firstId: int, silent: list(text), elsewhere: openElsewhere }),
  prepare(request, context) {
    const ids = request.createParents ? request.path.split('/').length : 1
    return {
      request: withDefaults(request),
      firstId: context.drawIds(ids),
      silent: context.silentSessions(),
      elsewhere: lookReplaced(request, context),
    }
  },
  apply(tx, context, { request, firstId, silent, elsewhere }) {
    const caller = callerOf(tx, context)
    if (request.createParents) {
      const missing = missingParents(tx, caller, request.path)
      if (missing.names.length > 0) {
        requireDirectoryAccess(tx, caller, missing.parent, WRITE | EXECUTE)
        requireRoom(tx, missing.parent, missing.names.length + 1, diskBytesOf(request))
        const parent = makeParents(tx, context, missing, DIRECTORY_MODE, 0, firstId + 1)
        return make(tx, context, { parent, name: missing.last }, request, firstId)
      }
    }
    const place = resolvePlaceFollowing(tx, caller, request.path)
    if (place.name === '') throw new FsError('IS_A_DIRECTORY', `${request.path} is a directory`)
    replaceExisting(tx, context, caller, place, { request, silent, elsewhere })
    return make(tx, context, place, request, firstId)
  },
})

/** What others have open of a file that is overwritten. */
function lookReplaced({ path, ifExists }: Request, context: PrepareContext): OpenElsewhere {
  if (ifExists !== IF_EXISTS.overwrite) return NOTHING_OPEN
  return lookElsewhere(context, path, { resolve: resolvePlaceFollowing })
}

/** Values that the leader decides, and a bound on each; the same on every replica then. */
function withDefaults(request: Request): Request {
  const blockSize = request.blockSize === 0 ? BLOCK_BYTES_DEFAULT : request.blockSize
  const replication = request.replication === 0 ? REPLICATION_DEFAULT : request.replication
  if (blockSize < BLOCK_BYTES_MIN || blockSize > BLOCK_BYTES_MAX) {
    throw new FsError(
      'INVALID_ARGUMENT',
      `block size ${blockSize} is not in ${BLOCK_BYTES_MIN}..${BLOCK_BYTES_MAX}`,
    )
  }
  if (replication > REPLICATION_MAX) {
    throw new FsError('INVALID_ARGUMENT', `replication ${replication} exceeds ${REPLICATION_MAX}`)
  }
  if (request.inline !== undefined && request.inline.length > INLINE_BYTES_MAX) {
    throw new FsError('INVALID_ARGUMENT', `inline data has at most ${INLINE_BYTES_MAX} bytes`)
  }
  if (request.ifExists > IF_EXISTS.overwrite) throw new FsError('INVALID_ARGUMENT', 'unknown ifExists')
  return { ...request, blockSize, replication }
}

function diskBytesOf(request: Request): number {
  return (request.inline?.length ?? 0) * request.replication
}

/**
 * Checks room and rights; takes an existing file away if the request says so and it is nobody else's to
 * write.
 */
function replaceExisting(
  tx: Tx,
  context: CommandContext,
  caller: Caller,
  place: Place,
  {
    request,
    silent,
    elsewhere,
  }: {
    readonly request: Request
    readonly silent: readonly string[]
    readonly elsewhere: OpenElsewhere
  },
): void {
  const existing = lookUp(tx, place)
  const disk = diskBytesOf(request)
  if (existing === undefined) {
    requireDirectoryAccess(tx, caller, place.parent, WRITE | EXECUTE)
    return requireRoom(tx, place.parent, 1, disk)
  }
  const old = requireReplaceable(existing, request)
  requireAccess(tx, caller, old, WRITE)
  requireRemovable(tx, caller, place.parent, old.ownerId)
  requireTakeable(tx, old, silent)
  requireRoom(tx, place.parent, 0, disk - old.size * old.replication)
  tx.touched(context, old.id, old.parentId)
  if (keepOrphan(tx, context, existing, keeperOf(context, old, [], elsewhere))) return
  closeIfLast(tx, context, old)
  dropEntry(tx, context, existing)
}

function requireReplaceable(existing: Target, request: Request): EntryRow {
  const { path } = request
  if (existing.row === undefined) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
  if (request.ifExists === IF_EXISTS.fail || existing.row.kind !== KIND.file) {
    throw new FsError('ALREADY_EXISTS', `${path} exists`, { path })
  }
  return existing.row
}

/** The file at a place that is free, after all checks. */
function make(tx: Tx, context: CommandContext, place: Place, request: Request, id: number) {
  const { parent, name } = place
  const { inline, blockSize, replication, stays } = request
  const opened = stays === true ? ENTRY_FLAG.open : ENTRY_FLAG.open | ENTRY_FLAG.unborn
  const whole = inline === undefined ? opened : 0
  const row = addInode(tx, context, parent, {
    id,
    name,
    kind: KIND.file,
    mode: request.mode & MODE_BITS,
    umask: request.umask,
    size: inline?.length ?? 0,
    blockSize,
    replication,
    flags: inline !== undefined && inline.length > 0 ? ENTRY_FLAG.inline : whole,
  })
  if (row.flags & ENTRY_FLAG.inline) tx.inline.set(id, inline as Uint8Array)
  if (row.flags & ENTRY_FLAG.open) beginLease(tx, context, row, true)
  const { parentId, kind, size } = row
  tx.changed(context, { what: 'create', inodeId: id, parentId, name, kind, size })
  return { status: statusOfRow(tx, row) }
}
