/** ACLs of rows in the form of common/rules/acl-entries.ts, by names, and what a change makes of them. */
import type { setAcl } from '@hopbine/common/protocol/acl.ts'
import { type AclEntry, SET_ACL } from '@hopbine/common/protocol/acl.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import { type Acl, type FullAcl, mapAcl } from '@hopbine/common/rules/acl.ts'
import {
  aclOfEntries,
  baseOfAcl,
  modifyAcl,
  removeFromAcl,
  withBase,
} from '@hopbine/common/rules/acl-entries.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import { aclOf } from './permission.ts'

const RIGHTS_BITS = 0o777

type Request = RequestOf<typeof setAcl>
type Named = FullAcl<string>

export function accessAclOf(tx: Tx, row: EntryRow): Named {
  return { bits: row.mode & RIGHTS_BITS, acl: named(tx, aclOf(tx, row)) }
}

export function defaultAclOf(tx: Tx, row: EntryRow): Named | undefined {
  if ((row.flags & ENTRY_FLAG.defaultAcl) === 0) return undefined
  const { bits, acl } = tx.acls.default(row.id)
  return { bits, acl: named(tx, acl) }
}

/** With numbers given to names that had none: only when nothing can refuse the change any more. */
export function numbered(tx: Tx, acl: Acl<string>): Acl<number> {
  return mapAcl(acl, name => tx.identities.intern(name))
}

/** Both ACLs as the request wants them. Writes nothing. */
export function changedAcls(
  tx: Tx,
  row: EntryRow,
  { how, access, default: byDefault }: Request,
): { access: Named; byDefault: Named | undefined } {
  const before = accessAclOf(tx, row)
  if (how === SET_ACL.base) return { access: baseOfAcl(before), byDefault: undefined }
  const after = access === undefined ? before : changedAccess(before, how, access)
  const kept = defaultAclOf(tx, row)
  return {
    access: after,
    byDefault: byDefault === undefined ? kept : changedDefault(kept, after, how, byDefault),
  }
}

function changedAccess(before: Named, how: number, entries: readonly AclEntry[]): Named {
  if (how === SET_ACL.modify) return modifyAcl(before, entries)
  if (how === SET_ACL.remove) return removeFromAcl(before, entries)
  // Without entries the bits stay what they show, as Linux leaves them.
  return entries.length === 0 ? { bits: before.bits, acl: undefined } : aclOfEntries(entries)
}

function changedDefault(
  before: Named | undefined,
  access: Named,
  how: number,
  entries: readonly AclEntry[],
): Named | undefined {
  if (how === SET_ACL.remove) return before === undefined ? undefined : removeFromAcl(before, entries)
  if (entries.length === 0) return how === SET_ACL.replace ? undefined : before
  if (how === SET_ACL.modify && before !== undefined) return modifyAcl(before, entries)
  return aclOfEntries(withBase(entries, access))
}

function named(tx: Tx, acl: Acl<number> | undefined): Acl<string> | undefined {
  return acl === undefined ? undefined : mapAcl(acl, id => tx.identities.nameOf(id))
}
