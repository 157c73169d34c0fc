/**
 * fsck: recomputes and compares everything that the shard keeps twice; repairs totals on request. Also on a
 * full disk, for it takes no room that counts.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { fsck as method } from '@hopbine/common/protocol/cluster.ts'
import { checkState } from '../store/verify.ts'
import { plainWrite } from './operation.ts'

export const fsck = plainWrite(
  method,
  (tx, context, { repair }) => {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only a superuser may check the filesystem')
    return checkState(tx, repair)
  },
  { frees: true },
)
