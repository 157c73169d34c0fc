/** symlink: a name that stands for another path. The target is not looked at. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { SYMLINK_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { symlink as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, WRITE } from '@hopbine/common/rules/permission.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { addInode } from '../namespace/entries.ts'
import { callerOf, requireDirectoryAccess } from '../namespace/permission.ts'
import { requireRoom } from '../namespace/quota.ts'
import { lookUp, resolvePlace } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { write } from './operation.ts'

export const symlink = write({
  method,
  command: record({ request: method.request, id: int }),
  prepare: (request, context) => ({ request, id: context.drawIds(1) }),
  apply(tx, context, { request, id }) {
    const { path, target } = request
    if (target === '' || target.includes('\0')) throw new FsError('INVALID_ARGUMENT', 'a link needs a target')
    if (Buffer.byteLength(target) > SYMLINK_BYTES_MAX) {
      throw new FsError('NAME_TOO_LONG', `a link's target has at most ${SYMLINK_BYTES_MAX} bytes`)
    }
    const caller = callerOf(tx, context)
    const place = resolvePlace(tx, caller, path)
    if (lookUp(tx, place) !== undefined) throw new FsError('ALREADY_EXISTS', `${path} exists`, { path })
    requireDirectoryAccess(tx, caller, place.parent, WRITE | EXECUTE)
    requireRoom(tx, place.parent, 1, 0)
    const { parent, name } = place
    const size = Buffer.byteLength(target)
    const row = addInode(tx, context, parent, { id, name, kind: KIND.symlink, mode: 0o777, size, target })
    const { parentId, kind } = row
    tx.changed(context, { what: 'symlink', inodeId: id, parentId, name, kind })
    return { status: statusOfRow(tx, row) }
  },
})
