/**
 * endSession: a session that is known to be dead gives up what it holds, before its silence would make it:
 * files that it had open for writing are closed at what was committed, inodes without a name go. For
 * superusers.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { endSession as method } from '@hopbine/common/protocol/metadata.ts'
import { orphansOf, releaseOrphan } from '../namespace/orphans.ts'
import { closeFilesOf } from './internal.ts'
import { plainWrite } from './operation.ts'

export const endSession = plainWrite(
  method,
  (tx, context, { clientId }) => {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only a superuser may end a session')
    if (clientId === context.clientId) throw new FsError('INVALID_ARGUMENT', 'a session cannot end itself')
    closeFilesOf(tx, context, clientId)
    // A page of them; the rest goes when the session has been silent for long.
    for (const inodeId of orphansOf(tx, clientId)) releaseOrphan(tx, context, clientId, inodeId)
    return {}
  },
  { frees: true },
)
