/** createUnnamed: an empty file that has no name yet, for open(2) with O_TMPFILE. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { BLOCK_BYTES_DEFAULT, REPLICATION_DEFAULT } from '@hopbine/common/base/limits.ts'
import { createUnnamed as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, MODE_BITS, WRITE } from '@hopbine/common/rules/permission.ts'
import { int, record } from '@hopbine/common/wire/codec.ts'
import { addOrphan } from '../namespace/orphans.ts'
import { callerOf, requireDirectoryAccess } from '../namespace/permission.ts'
import { requireRoom } from '../namespace/quota.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOfRow } from '../namespace/status.ts'
import { write } from './operation.ts'

export const createUnnamed = write({
  method,
  command: record({ request: method.request, id: int }),
  prepare: (request, context) => ({ request, id: context.drawIds(1) }),
  apply(tx, context, { request, id }) {
    const { directory, mode, umask } = request
    const caller = callerOf(tx, context)
    const { row: other, slot } = resolveTarget(tx, caller, directory, true)
    if (other !== undefined) throw new FsError('NOT_A_DIRECTORY', `${directory} is not a directory`)
    requireDirectoryAccess(tx, caller, slot, WRITE | EXECUTE)
    // It counts nowhere until it has a name; what has no room for one now is refused now.
    requireRoom(tx, slot, 1, 0)
    const row = addOrphan(tx, context, slot, {
      id,
      kind: KIND.file,
      mode: mode & MODE_BITS,
      umask,
      blockSize: BLOCK_BYTES_DEFAULT,
      replication: REPLICATION_DEFAULT,
    })
    return { status: statusOfRow(tx, row) }
  },
})
