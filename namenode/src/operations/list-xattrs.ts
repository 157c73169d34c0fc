/** listXattrs: the names of an inode's extended attributes that the caller may know of, in byte order. */
import { listXattrs as method } from '@hopbine/common/protocol/metadata.ts'
import { rowOf } from '../namespace/attributes.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { isListed } from '../namespace/xattr-rules.ts'
import { PUBLIC_FLAGS } from '../store/schema.ts'
import { read } from './operation.ts'

export const listXattrs = read({
  method,
  query(tx, { path }, context) {
    const caller = callerOf(tx, context.principal)
    const { id, flags } = rowOf(tx, resolveTarget(tx, caller, path, true))
    return { names: tx.xattrs.names(id).filter(name => isListed(caller, name)), flags: flags & PUBLIC_FLAGS }
  },
})
