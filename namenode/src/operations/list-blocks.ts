/** listBlocks: every block that the metadata knows, for comparison with the datanodes. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { LIST_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { listBlocks as method } from '@hopbine/common/protocol/cluster.ts'
import { groupOf } from '../namespace/placement.ts'
import { read } from './operation.ts'

export const listBlocks = read({
  method,
  query(tx, { after, max }, context) {
    if (!context.principal.superuser) throw new FsError('NOT_PERMITTED', 'only a superuser may list blocks')
    const limit = Math.min(max === 0 ? LIST_PAGE_MAX : max, LIST_PAGE_MAX)
    const rows = tx.blocks.page(after, limit + 1)
    const more = rows.length > limit
    if (more) rows.pop()
    const blocks = rows.map(({ id, inodeId, length }) => ({
      blockId: id,
      group: groupOf(id),
      inodeId,
      length,
      open: tx.sessions.holderOf(inodeId) !== '',
    }))
    return { blocks, more }
  },
})
