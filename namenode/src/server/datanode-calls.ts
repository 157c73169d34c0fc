/** What a datanode with a certificate may call; see datanode/server and datanode/rewrite. */
import { renewCertificate } from '@hopbine/common/protocol/certificates.ts'
import {
  beginRewrite,
  confirmTombstones,
  finishRewrite,
  heartbeat,
  liveBlocks,
  registerDatanode,
  sparseBlocks,
} from '@hopbine/common/protocol/cluster.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'

export const DATANODE_CALLS: ReadonlySet<number> = new Set(
  [
    registerDatanode,
    heartbeat,
    confirmTombstones,
    liveBlocks,
    sparseBlocks,
    // Of the files that it rewrites: their extents, and the right to read their blocks.
    open,
    beginRewrite,
    finishRewrite,
    renewCertificate,
  ].map(({ id }) => id),
)
