/** contentSummary: exact totals of a directory, read from its own row whatever its size. */
import { summary as method } from '@hopbine/common/protocol/metadata.ts'
import { EXECUTE, READ } from '@hopbine/common/rules/permission.ts'
import { weightOf } from '../namespace/entries.ts'
import { callerOf, requireDirectoryAccess } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { statusOf } from '../namespace/status.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import { read } from './operation.ts'

export const contentSummary = read({
  method,
  query(tx, { path }, context) {
    const caller = callerOf(tx, context.principal)
    const target = resolveTarget(tx, caller, path, true)
    const weight = weightOf(tx, target)
    const { owner } = statusOf(tx, target)
    if (target.row !== undefined) return { ...weight, owner }
    requireDirectoryAccess(tx, caller, target.slot, READ | EXECUTE)
    const nameQuota = tx.directories.nameQuota[target.slot] as number
    const spaceQuota = tx.directories.spaceQuota[target.slot] as number
    return {
      ...weight,
      owner,
      nameQuota: nameQuota === NO_QUOTA ? undefined : nameQuota,
      spaceQuota: spaceQuota === NO_QUOTA ? undefined : spaceQuota,
    }
  },
})
