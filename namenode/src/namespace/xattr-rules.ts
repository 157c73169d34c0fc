/**
 * Who may do what with which extended attribute (xattr(7)): `user.` follows the bits of files and
 * directories, `trusted.` is the superuser's alone, `security.` is everybody's to read. `system.` has none
 * here.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { XATTR_NAME_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { READ, STICKY, WRITE } from '@hopbine/common/rules/permission.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import { type Caller, requireAccess, requireOwner } from './permission.ts'

export function requireReadableXattr(tx: Tx, caller: Caller, row: EntryRow, name: string): void {
  const space = spaceOf(name)
  if (space === 'user') {
    requirePlainKind(row)
    requireAccess(tx, caller, row, READ)
  }
  // To others there are none.
  if (space === 'trusted' && !caller.superuser) throw noXattr(name)
}

export function requireWritableXattr(tx: Tx, caller: Caller, row: EntryRow, name: string): void {
  if (spaceOf(name) !== 'user') {
    if (caller.superuser) return
    throw new FsError('NOT_PERMITTED', `only a superuser may set ${name}`)
  }
  requirePlainKind(row)
  const isSticky = row.kind === KIND.directory && (row.mode & STICKY) !== 0
  if (isSticky) requireOwner(caller, row.ownerId, row.name)
  requireAccess(tx, caller, row, WRITE)
}

/** Whether a listing shows the attribute to the caller. */
export function isListed(caller: Caller, name: string): boolean {
  return caller.superuser || !name.startsWith('trusted.')
}

export function noXattr(name: string): FsError {
  return new FsError('NO_ATTRIBUTE', `there is no attribute ${name}`, { name })
}

/** Throws for a name that no attribute can have. */
function spaceOf(name: string): 'user' | 'trusted' | 'security' {
  const space = name.slice(0, name.indexOf('.'))
  if (space !== 'user' && space !== 'trusted' && space !== 'security') {
    throw new FsError('UNSUPPORTED', `attributes are named user.…, trusted.… or security.…, not ${name}`)
  }
  if (name.length === space.length + 1 || name.includes('\0')) {
    throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(name)} names no attribute`)
  }
  if (Buffer.byteLength(name) > XATTR_NAME_BYTES_MAX) throw new FsError('NAME_TOO_LONG', 'an attribute')
  return space
}

function requirePlainKind(row: EntryRow): void {
  if (row.kind === KIND.file || row.kind === KIND.directory) return
  throw new FsError('NOT_PERMITTED', 'only files and directories have attributes of users')
}
