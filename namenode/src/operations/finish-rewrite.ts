/** finishRewrite: a range of a closed file lies in a new block from now on, if it is still what was read. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { finishRewrite as method } from '@hopbine/common/protocol/cluster.ts'
import { giveUpBlock, isRewritable, moveRange } from '../namespace/rewrite.ts'
import { plainWrite } from './operation.ts'

export const finishRewrite = plainWrite(
  method,
  (tx, context, request) => {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only datanodes rewrite files')
    const { inodeId, start, end, blockId } = request
    if (start < 0 || end <= start || end > FILE_BYTES_MAX) {
      throw new FsError('INVALID_ARGUMENT', `range ${start} to ${end}`)
    }
    const row = tx.entries.findId(inodeId)
    const done = isRewritable(row) && moveRange(tx, context, row, request)
    if (!done) giveUpBlock(tx, context, blockId)
    return { done }
  },
  { frees: true },
)
