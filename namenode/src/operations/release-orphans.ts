/** releaseOrphans: the caller's session no longer has these inodes open; those without a name go. */
import { releaseOrphans as method } from '@hopbine/common/protocol/metadata.ts'
import { releaseOrphan } from '../namespace/orphans.ts'
import { plainWrite } from './operation.ts'

export const releaseOrphans = plainWrite(
  method,
  (tx, context, { inodeIds }) => {
    for (const inodeId of inodeIds) releaseOrphan(tx, context, context.clientId, inodeId)
    return {}
  },
  { frees: true },
)
