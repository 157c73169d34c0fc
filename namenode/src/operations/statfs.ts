/** statfs: room and names as seen at a path: the nearest quota above it, else what the datanodes report. */
import { statfs as method } from '@hopbine/common/protocol/metadata.ts'
import { callerOf } from '../namespace/permission.ts'
import { namesUsed } from '../namespace/quota.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import { read } from './operation.ts'

/** Names that a filesystem without a quota says it has left: SQLite's and our ids' bound is far beyond. */
const NAMES_UNLIMITED = 2 ** 40

export const statfs = read({
  method,
  query(tx, { path }, context) {
    const target = resolveTarget(tx, callerOf(tx, context.principal), path, true)
    const disk = context.disk()
    let { capacityBytes, freeBytes } = disk
    let namesFree = NAMES_UNLIMITED
    let from = target.row === undefined ? target.slot : target.parent
    let usedBytes = -1
    let names = -1
    for (; from >= 0; from = tx.directories.parent[from] as number) {
      const space = tx.directories.spaceQuota[from] as number
      const nameLimit = tx.directories.nameQuota[from] as number
      const used = tx.directories.diskBytes[from] as number
      if (space !== NO_QUOTA && usedBytes < 0) {
        usedBytes = used
        capacityBytes = space
        freeBytes = Math.min(freeBytes, Math.max(0, space - used))
      }
      if (nameLimit !== NO_QUOTA && names < 0) {
        names = namesUsed(tx, from)
        namesFree = Math.max(0, nameLimit - names)
      }
      if ((tx.directories.parent[from] as number) < 0) {
        if (usedBytes < 0) usedBytes = used
        if (names < 0) names = namesUsed(tx, from)
      }
    }
    return { capacityBytes, usedBytes, freeBytes, names, namesFree }
  },
})
