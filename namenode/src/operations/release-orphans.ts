/**
 * releaseOrphans: the caller's session no longer has these inodes open; those without a name go, unless
 * others still have them open.
 */
import { releaseOrphans as method } from '@hopbine/common/protocol/metadata.ts'
import { int, list, record, text } from '@hopbine/common/wire/codec.ts'
import { passOrphan } from '../namespace/orphans.ts'
import { write } from './operation.ts'

export const releaseOrphans = write({
  method,
  command: record({ items: list(record({ inodeId: int, to: text })) }),
  frees: true,
  prepare({ inodeIds }, { openFiles, clientId }) {
    const items = inodeIds.map(inodeId => {
      const to = openFiles.holder(inodeId, clientId)
      openFiles.taking(inodeId)
      return { inodeId, to }
    })
    return { items }
  },
  apply(tx, context, { items }) {
    for (const item of items) passOrphan(tx, context, { ...item, from: context.clientId })
    return {}
  },
})
