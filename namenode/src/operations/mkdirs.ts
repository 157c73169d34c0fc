/** mkdirs: a directory and every missing one above it. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { mkdirs as method } from '@hopbine/common/protocol/metadata.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { makeParents, missingParents } from '../namespace/parents.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { makeDirectory, requireRoomForDirectories } from './make-directory.ts'
import { write } from './operation.ts'

export const mkdirs = write({
  method,
  command: record({ request: method.request, firstId: int }),
  prepare: (request, context) => ({
    request,
    // One for each component is enough, however many exist.
    firstId: context.drawIds(request.path.split('/').length),
  }),
  apply(tx, context, { request, firstId }) {
    const caller = callerOf(tx, context)
    const { path, mode, umask = 0 } = request
    const missing = missingParents(tx, caller, path)
    const parentId = tx.directories.id[missing.parent] as number
    const taken = missing.last === '' || tx.directories.find(missing.parent, missing.last) >= 0
    if (missing.names.length === 0 && (taken || tx.entries.find(parentId, missing.last) !== undefined)) {
      const there = resolveTarget(tx, caller, path, true)
      if (there.row !== undefined) throw new FsError('ALREADY_EXISTS', `${path} is not a directory`, { path })
      return { status: statusOf(tx, there) }
    }
    requireRoomForDirectories(tx, caller, missing.parent, missing.names.length + 1)
    const parent = makeParents(tx, context, missing, mode, umask, firstId + 1)
    return { status: makeDirectory(tx, context, { parent, name: missing.last }, request, firstId) }
  },
})
