/** setXattr: gives an inode an extended attribute, or another value to one that it has. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { XATTR_VALUE_BYTES_MAX, XATTRS_MAX } from '@hopbine/common/base/limits.ts'
import { setXattr as method, SET_XATTR } from '@hopbine/common/protocol/metadata.ts'
import { rowOf, saveAttributes } from '../namespace/attributes.ts'
import { callerOf } from '../namespace/permission.ts'
import { resolveTarget } from '../namespace/resolve.ts'
import { noXattr, requireWritableXattr } from '../namespace/xattr-rules.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { plainWrite } from './operation.ts'

export const setXattr = plainWrite(method, (tx, context, { path, name, value, how }) => {
  if (how > SET_XATTR.replace) throw new FsError('INVALID_ARGUMENT', `way ${how} is unknown`)
  if (value.length > XATTR_VALUE_BYTES_MAX) {
    throw new FsError('INVALID_ARGUMENT', `an attribute has at most ${XATTR_VALUE_BYTES_MAX} bytes`)
  }
  const caller = callerOf(tx, context)
  const target = resolveTarget(tx, caller, path, true)
  const row = rowOf(tx, target)
  requireWritableXattr(tx, caller, row, name)
  const isThere = tx.xattrs.get(row.id, name) !== undefined
  if (isThere && how === SET_XATTR.create) throw new FsError('ALREADY_EXISTS', `${name} exists`)
  if (!isThere && how === SET_XATTR.replace) throw noXattr(name)
  if (!isThere && tx.xattrs.names(row.id).length >= XATTRS_MAX) {
    throw new FsError('NO_SPACE', `an inode has at most ${XATTRS_MAX} attributes`)
  }
  tx.xattrs.set(row.id, name, value)
  row.flags |= ENTRY_FLAG.xattrs
  saveAttributes(tx, context, target, row, 'setXattr')
  return {}
})
