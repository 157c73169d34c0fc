/** mkdir: one directory, whose parent must exist. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { mkdir as method } from '@hopbine/common/protocol/metadata.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { callerOf } from '../namespace/permission.ts'
import { lookUp, resolvePlace } from '../namespace/resolve.ts'
import { makeDirectory, requireRoomForDirectories } from './make-directory.ts'
import { write } from './operation.ts'

export const mkdir = write({
  method,
  command: record({ request: method.request, id: int }),
  prepare: (request, context) => ({ request, id: context.drawIds(1) }),
  apply(tx, context, { request, id }) {
    const caller = callerOf(tx, context)
    const place = resolvePlace(tx, caller, request.path)
    if (lookUp(tx, place) !== undefined) {
      throw new FsError('ALREADY_EXISTS', `${request.path} exists`, { path: request.path })
    }
    requireRoomForDirectories(tx, caller, place.parent, 1)
    return { status: makeDirectory(tx, context, place, request, id) }
  },
})
