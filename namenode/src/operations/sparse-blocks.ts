/** sparseBlocks: which blocks of a file a rewrite should empty. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { sparseBlocks as method } from '@hopbine/common/protocol/cluster.ts'
import { read } from './operation.ts'

/** Blocks named in one answer; a file with more of them is looked at again when its rewrite is over. */
const SPARSE_MAX = 4096

export const sparseBlocks = read({
  method,
  query(tx, { inodeId }, context) {
    if (!context.principal.superuser) throw new FsError('NOT_PERMITTED', 'only datanodes rewrite files')
    return { blockIds: tx.blocks.sparse(inodeId, SPARSE_MAX) }
  },
})
