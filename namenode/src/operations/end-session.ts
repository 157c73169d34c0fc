/**
 * endSession: a session that is known to be dead gives up what it holds, before its silence would make it:
 * files that it had open for writing are closed at what was committed, inodes without a name go. For
 * superusers.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { endSession as method } from '@hopbine/common/protocol/metadata.ts'
import { int, list, record, text } from '@hopbine/common/wire/codec.ts'
import { orphansOf, passOrphan } from '../namespace/orphans.ts'
import { closeFilesOf } from './internal.ts'
import { write } from './operation.ts'

export const endSession = write({
  method,
  command: record({ clientId: text, orphans: list(record({ inodeId: int, to: text })) }),
  frees: true,
  prepare({ clientId }, { state, openFiles }) {
    // A page of them; the rest goes when the session has been silent for long.
    const orphans = orphansOf(state, clientId).map(inodeId => {
      openFiles.taking(inodeId)
      return { inodeId, to: openFiles.holder(inodeId, clientId) }
    })
    return { clientId, orphans }
  },
  apply(tx, context, { clientId, orphans }) {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only a superuser may end a session')
    if (clientId === context.clientId) throw new FsError('INVALID_ARGUMENT', 'a session cannot end itself')
    closeFilesOf(tx, context, clientId)
    for (const orphan of orphans) passOrphan(tx, context, { ...orphan, from: clientId })
    return {}
  },
})
