/**
 * ACLs as the kernel asks for them: extended attributes of two names, with users and groups by this
 * machine's numbers. The kernel reads them to check rights, and the namenode decides by its own copy.
 */
import { ACL_TAG, type AclEntry, getAcl, SET_ACL, setAcl } from '@hopbine/common/protocol/acl.ts'
import { FLAG } from '@hopbine/common/protocol/types.ts'
import { ACCESS_ACL, DEFAULT_ACL, decodeAcl, encodeAcl, type NumberedEntry } from '../protocol/acl-value.ts'
import type { RequestHeader } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import { type Identity, OVERFLOW_ID } from './identity.ts'
import type { MountContext } from './mount-context.ts'

const KINDS = [
  { name: ACCESS_ACL, field: 'access', flag: FLAG.accessAcl },
  { name: DEFAULT_ACL, field: 'default', flag: FLAG.defaultAcl },
] as const
type AclKind = (typeof KINDS)[number]

/** Which ACL an attribute of that name is; undefined for every other attribute. */
export function aclKindOf(name: string): AclKind | undefined {
  return KINDS.find(kind => kind.name === name)
}

/** Names of the attributes that stand for the ACLs of an inode with these flags. */
export function aclNames(flags: number): string[] {
  return KINDS.filter(kind => flags & kind.flag).map(kind => kind.name)
}

/**
 * Whether an inode is known to have none, since its attributes were just told. The kernel asks before it
 * lets others than the owner in; of a mount's top, which it made before ACLs were agreed on, it keeps none.
 */
export function lacksAcl(context: MountContext, nodeId: number, kind: AclKind): boolean {
  const known = context.knownFlags(nodeId)
  return known !== undefined && (known & kind.flag) === 0
}

/** ENODATA without one. */
export async function readAcl(context: MountContext, nodeId: number, kind: AclKind): Promise<Buffer> {
  const stamp = context.parts.cache.stamp()
  const found = await context.parts.rpc.call(getAcl, { path: context.path(nodeId) })
  context.learnFlags(found.status, stamp)
  if ((found.status.flags & kind.flag) === 0) throw new PosixError('ENODATA')
  return encodeAcl(numbered(found[kind.field], context.parts.identity))
}

/** The value takes the place of the ACL; an empty one takes it away. */
export async function writeAcl(
  context: MountContext,
  header: RequestHeader,
  kind: AclKind,
  value: Buffer,
): Promise<void> {
  const path = context.path(header.nodeId)
  const given = value.length === 0 ? [] : decodeAcl(value)
  const { identity } = context.parts
  const hasUnknown = given.some(({ id }) => id === OVERFLOW_ID)
  const before = hasUnknown ? await context.parts.rpc.call(getAcl, { path }) : undefined
  const entries = given.flatMap(entry => named(entry, before?.[kind.field] ?? [], identity))
  const request = { path, how: SET_ACL.replace, [kind.field]: entries }
  const stamp = context.parts.cache.stamp()
  const { status } = await context.as(header).call(setAcl, request)
  context.learnFlags(status, stamp)
}

/**
 * Entries by number, each number once. Names that this machine does not know all have the number of
 * nobody: the first of them stands for the others.
 */
function numbered(entries: readonly AclEntry[], identity: Identity): NumberedEntry[] {
  const seen = new Set<string>()
  const found = entries.map(({ tag, name, rights }) => ({ tag, rights, id: idOf(tag, name, identity) }))
  return found
    .filter(({ tag, id }) => {
      const key = `${tag}:${id}`
      return !seen.has(key) && seen.add(key)
    })
    .sort((a, b) => a.tag - b.tag || (a.id ?? 0) - (b.id ?? 0))
}

/**
 * The entries of Hopbine that an entry of the kernel is about: one, or for the number of nobody those whose
 * names this machine does not know, so that editing an ACL here does not lose them.
 */
function named(
  { tag, rights, id }: NumberedEntry,
  before: readonly AclEntry[],
  identity: Identity,
): AclEntry[] {
  if (id === undefined || !isNamed(tag)) return [{ tag, name: '', rights }]
  const unknown = id === OVERFLOW_ID ? before.filter(entry => isUnknown(entry, identity, tag)) : []
  const [shown] = unknown
  if (shown === undefined) {
    return [{ tag, name: tag === ACL_TAG.user ? identity.userName(id) : identity.groupName(id), rights }]
  }
  // Left as it was shown, each keeps its own rights.
  return unknown.map(entry => (rights === shown.rights ? entry : { ...entry, rights }))
}

function isUnknown({ tag, name }: AclEntry, identity: Identity, wanted: number): boolean {
  if (tag !== wanted || idOf(tag, name, identity) !== OVERFLOW_ID) return false
  return name !== (tag === ACL_TAG.user ? identity.userName(OVERFLOW_ID) : identity.groupName(OVERFLOW_ID))
}

function idOf(tag: number, name: string, identity: Identity): number | undefined {
  if (!isNamed(tag)) return undefined
  return tag === ACL_TAG.user ? identity.uidOf(name) : identity.gidOf(name)
}

function isNamed(tag: number): boolean {
  return tag === ACL_TAG.user || tag === ACL_TAG.group
}
