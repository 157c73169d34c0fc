/**
 * mknod: a fifo, socket or device. The namenode keeps its name and attributes; what it does is the
 * machine's business.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { mknod as method } from '@hopbine/common/protocol/metadata.ts'
import { EXECUTE, MODE_BITS, WRITE } from '@hopbine/common/rules/permission.ts'
import { hasItsNumbers, isDevice, isSpecial } from '@hopbine/common/rules/special-files.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { addInode } from '../namespace/entries.ts'
import { callerOf, requireDirectoryAccess } from '../namespace/permission.ts'
import { requireRoom } from '../namespace/quota.ts'
import { lookUp, resolvePlace } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { write } from './operation.ts'

export const mknod = write({
  method,
  command: record({ request: method.request, id: int }),
  prepare: (request, context) => ({ request, id: context.drawIds(1) }),
  apply(tx, context, { request, id }) {
    const { path, kind, mode, device, umask } = request
    if (!isSpecial(kind)) throw new FsError('INVALID_ARGUMENT', `kind ${kind} is no special file`)
    if (!hasItsNumbers(kind, device)) {
      throw new FsError('INVALID_ARGUMENT', 'a device, and nothing else, has numbers MAJOR:MINOR')
    }
    const caller = callerOf(tx, context)
    const place = resolvePlace(tx, caller, path)
    if (lookUp(tx, place) !== undefined) throw new FsError('ALREADY_EXISTS', `${path} exists`, { path })
    requireDirectoryAccess(tx, caller, place.parent, WRITE | EXECUTE)
    if (isDevice(kind) && !caller.superuser) {
      throw new FsError('NOT_PERMITTED', 'only a superuser makes devices', { path })
    }
    requireRoom(tx, place.parent, 1, 0)
    const { parent, name } = place
    const target = isDevice(kind) ? { target: device } : {}
    const row = addInode(tx, context, parent, { id, name, kind, mode: mode & MODE_BITS, umask, ...target })
    tx.changed(context, { what: 'mknod', inodeId: id, parentId: row.parentId, name, kind })
    return { status: statusOfRow(tx, row) }
  },
})
