/**
 * The rules of common/rules/permission.ts over rows and slots, by numbers of users and groups: state in, yes
 * or FsError out.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { Acl } from '@hopbine/common/rules/acl.ts'
import {
  EXECUTE,
  grants,
  isOwner,
  passesSticky,
  READ,
  type Caller as RulesCaller,
  WRITE,
} from '@hopbine/common/rules/permission.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import type { Tx } from '../store/tx.ts'

/** The caller by numbers; 0 stands for a name that owns nothing yet. */
export type Caller = RulesCaller<number>

const NO_GROUPS: readonly number[] = []

export function callerOf(tx: Tx, principal: Principal): Caller {
  const { superuser } = principal
  const user = tx.identities.find(principal.user)
  // A superuser's groups are never looked at on the way of a path.
  const groups = superuser ? NO_GROUPS : principal.groups.map(group => tx.identities.find(group))
  return { user, groups, superuser }
}

export function requireDirectoryAccess(tx: Tx, caller: Caller, slot: number, wanted: number): void {
  if (caller.superuser) return
  const { id, mode, ownerId, groupId, flags } = tx.directories
  const hasAcl = ((flags[slot] as number) & ENTRY_FLAG.accessAcl) !== 0
  const allowed = grants(
    caller,
    mode[slot] as number,
    ownerId[slot] as number,
    groupId[slot] as number,
    wanted,
    hasAcl ? tx.acls.access(id[slot] as number) : undefined,
  )
  if (!allowed) {
    throw new FsError(
      'ACCESS_DENIED',
      `no ${wantedText(wanted)} permission on ${tx.directories.pathOf(slot)}`,
    )
  }
}

/** What a row says of rights. */
export interface Owned {
  readonly id: number
  readonly flags: number
  readonly mode: number
  readonly ownerId: number
  readonly groupId: number
  readonly name: string
}

/** The access ACL of a row; undefined where the bits say everything. */
export function aclOf(tx: Tx, { id, flags }: Pick<Owned, 'id' | 'flags'>): Acl<number> | undefined {
  return flags & ENTRY_FLAG.accessAcl ? tx.acls.access(id) : undefined
}

export function requireAccess(tx: Tx, caller: Caller, inode: Owned, wanted: number): void {
  if (!grants(caller, inode.mode, inode.ownerId, inode.groupId, wanted, aclOf(tx, inode))) {
    throw new FsError('ACCESS_DENIED', `no ${wantedText(wanted)} permission on ${inode.name || '/'}`)
  }
}

export function requireOwner(caller: Caller, ownerId: number, name: string): void {
  if (isOwner(caller, ownerId)) return
  throw new FsError('NOT_PERMITTED', `only its owner may change ${name || '/'}`)
}

/**
 * Whether a name may be taken out of a directory: write and search, and in a sticky one only what is yours.
 */
export function requireRemovable(tx: Tx, caller: Caller, parent: number, ownerId: number): void {
  requireDirectoryAccess(tx, caller, parent, WRITE | EXECUTE)
  const mode = tx.directories.mode[parent] as number
  if (passesSticky(caller, mode, tx.directories.ownerId[parent] as number, ownerId)) return
  throw new FsError('NOT_PERMITTED', 'the directory is sticky: only the owner of an entry may remove it')
}

function wantedText(wanted: number): string {
  const names: string[] = []
  if (wanted & READ) names.push('read')
  if (wanted & WRITE) names.push('write')
  if (wanted & EXECUTE) names.push('search')
  return names.join(' and ')
}
