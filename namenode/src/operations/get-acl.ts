/** getAcl: access and default ACL of one inode. Whoever reaches it may know them, as its mode. */
import { getAcl as method } from '@hopbine/common/protocol/acl.ts'
import { entriesOf } from '@hopbine/common/rules/acl-entries.ts'
import { accessAclOf, defaultAclOf } from '../namespace/acl.ts'
import { rowOf } from '../namespace/attributes.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { read } from './operation.ts'

export const getAcl = read({
  method,
  query(tx, { path }, context) {
    const target = resolveTarget(tx, callerOf(tx, context.principal), path, true)
    const row = rowOf(tx, target)
    const byDefault = defaultAclOf(tx, row)
    return {
      status: statusOf(tx, target),
      access: entriesOf(accessAclOf(tx, row)),
      default: byDefault === undefined ? [] : entriesOf(byDefault),
    }
  },
})
