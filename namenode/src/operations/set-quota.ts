/**
 * setQuota: limits of a directory. A limit below what is used already is allowed; it then refuses growth
 * only.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { setQuota as method } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { leasesWithin } from '../namespace/directory-leases.ts'
import { idOf } from '../namespace/entries.ts'
import { callerOf } from '../namespace/permission.ts'
import { leasedBelow } from '../namespace/quota.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { NO_QUOTA } from '../store/directory-table.ts'
import { plainWrite } from './operation.ts'

export const setQuota = plainWrite(method, (tx, context, { path, names, bytes }) => {
  if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only a superuser may set quotas')
  for (const limit of [names, bytes]) {
    if (limit !== undefined && limit < NO_QUOTA) throw new FsError('INVALID_ARGUMENT', `a quota of ${limit}`)
  }
  if (names === 0)
    throw new FsError('INVALID_ARGUMENT', 'a directory counts as one name: its quota is at least 1')
  const target = resolveTarget(tx, callerOf(tx, context), path, true)
  if (target.row !== undefined) throw new FsError('NOT_A_DIRECTORY', `${path} is not a directory`, { path })
  const { slot } = target
  if (leasesWithin(tx, slot).length > 0) throw leasedBelow(tx, slot, 'their mounts go by the old quota')
  if (names !== undefined) tx.directories.nameQuota[slot] = names
  if (bytes !== undefined) tx.directories.spaceQuota[slot] = bytes
  tx.directories.markDirty(slot)
  const parent = target.parent < 0 ? 0 : (tx.directories.id[target.parent] as number)
  const name = tx.directories.nameOf(slot)
  tx.changed(context, {
    what: 'setQuota',
    inodeId: idOf(tx, target),
    parentId: parent,
    name,
    kind: KIND.directory,
  })
  return {}
})
