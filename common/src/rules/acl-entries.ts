/**
 * ACLs as lists of entries, as people and programs write them, and the changes that are asked for in that
 * form (setfacl(1), Hadoop's FsShell). Identities are names here. Every refusal is INVALID_ARGUMENT, or
 * NO_SPACE for too many entries.
 */
import { FsError } from '../base/errors.ts'
import { ACL_ENTRIES_MAX, IDENTITY_BYTES_MAX } from '../base/limits.ts'
import { ACL_TAG, type AclEntry } from '../protocol/acl.ts'
import type { FullAcl, NamedRights } from './acl.ts'

const RIGHTS_MAX = 7
const NAMED: readonly number[] = [ACL_TAG.user, ACL_TAG.group]
const BASE: readonly number[] = [ACL_TAG.userObj, ACL_TAG.groupObj, ACL_TAG.other]

/** The entries in the order of acl(5), names in order. */
export function entriesOf({ bits, acl }: FullAcl<string>): AclEntry[] {
  const entry = (tag: number, rights: number, name = ''): AclEntry => ({ tag, name, rights })
  const named = (tag: number, list: readonly NamedRights<string>[]): AclEntry[] =>
    [...list].sort(byId).map(({ id, rights }) => entry(tag, rights, id))
  const middle = (bits >> 3) & RIGHTS_MAX
  return [
    entry(ACL_TAG.userObj, (bits >> 6) & RIGHTS_MAX),
    ...named(ACL_TAG.user, acl?.users ?? []),
    entry(ACL_TAG.groupObj, acl?.groupRights ?? middle),
    ...named(ACL_TAG.group, acl?.groups ?? []),
    ...(acl === undefined ? [] : [entry(ACL_TAG.mask, middle)]),
    entry(ACL_TAG.other, bits & RIGHTS_MAX),
  ]
}

/** The ACL that these entries are; a mask that is needed and missing limits nothing. */
export function aclOfEntries(entries: readonly AclEntry[]): FullAcl<string> {
  const byKey = keyed(entries)
  for (const tag of BASE) {
    if (!byKey.has(keyOf({ tag, name: '' }))) throw wrong('entries of owner, group and others are needed')
  }
  if (byKey.size > ACL_ENTRIES_MAX) {
    throw new FsError('NO_SPACE', `an ACL has at most ${ACL_ENTRIES_MAX} entries`)
  }
  return compose(byKey)
}

/** Entries are added or get other rights; the mask is computed anew unless it is among them. */
export function modifyAcl(full: FullAcl<string>, changes: readonly AclEntry[]): FullAcl<string> {
  const entries = keyed(entriesOf(full))
  const changed = keyed(changes)
  if (!changed.has(MASK_KEY)) entries.delete(MASK_KEY)
  for (const [key, entry] of changed) entries.set(key, entry)
  return withMask(full, entries)
}

/**
 * Entries of the same tag and name go, whatever their rights; those that are not there are no error. The
 * mask is computed anew, or goes if it is named and nothing needs it.
 */
export function removeFromAcl(full: FullAcl<string>, gone: readonly AclEntry[]): FullAcl<string> {
  const entries = keyed(entriesOf(full))
  entries.delete(MASK_KEY)
  const removed = keyed(gone)
  for (const [key, { tag }] of removed) {
    if (BASE.includes(tag)) throw wrong('entries of owner, group and others cannot be removed')
    entries.delete(key)
  }
  if (!removed.has(MASK_KEY)) return withMask(full, entries)
  if ([...entries.values()].some(({ tag }) => NAMED.includes(tag))) throw wrong('the mask is needed')
  return aclOfEntries([...entries.values()])
}

/** Rights of owner, group and others alone: the group has its own again, without a mask. */
export function baseOfAcl({ bits, acl }: FullAcl<string>): FullAcl<string> {
  const middle = acl?.groupRights ?? (bits >> 3) & RIGHTS_MAX
  return { bits: (bits & 0o707) | (middle << 3), acl: undefined }
}

/** A default ACL with what it needs: entries of owner, group and others as in `bits` where it has none. */
export function withBase(entries: readonly AclEntry[], access: FullAcl<string>): AclEntry[] {
  const base = entriesOf(baseOfAcl(access))
  return [...base.filter(({ tag }) => !entries.some(entry => entry.tag === tag)), ...entries]
}

/** An ACL that had a mask keeps one. */
function withMask(before: FullAcl<string>, entries: Map<string, AclEntry>): FullAcl<string> {
  if (before.acl !== undefined && !entries.has(MASK_KEY)) {
    entries.set(MASK_KEY, { tag: ACL_TAG.mask, name: '', rights: unionOf(entries.values()) })
  }
  return aclOfEntries([...entries.values()])
}

function compose(entries: ReadonlyMap<string, AclEntry>): FullAcl<string> {
  const all = [...entries.values()]
  const rightsOf = (tag: number): number | undefined => entries.get(keyOf({ tag, name: '' }))?.rights
  const named = (tag: number): NamedRights<string>[] =>
    all
      .filter(entry => entry.tag === tag)
      .map(({ name, rights }) => ({ id: name, rights }))
      .sort(byId)
  const [users, groups] = [named(ACL_TAG.user), named(ACL_TAG.group)]
  const groupRights = rightsOf(ACL_TAG.groupObj) ?? 0
  const isExtended = users.length > 0 || groups.length > 0 || entries.has(MASK_KEY)
  const middle = isExtended ? (rightsOf(ACL_TAG.mask) ?? unionOf(all)) : groupRights
  const bits = ((rightsOf(ACL_TAG.userObj) ?? 0) << 6) | (middle << 3) | (rightsOf(ACL_TAG.other) ?? 0)
  return { bits, acl: isExtended ? { users, groupRights, groups } : undefined }
}

/** Of everything that a mask limits. */
function unionOf(entries: Iterable<AclEntry>): number {
  let union = 0
  for (const { tag, rights } of entries) {
    if (NAMED.includes(tag) || tag === ACL_TAG.groupObj) union |= rights
  }
  return union
}

/** By tag and name, each once. */
function keyed(entries: readonly AclEntry[]): Map<string, AclEntry> {
  const byKey = new Map<string, AclEntry>()
  for (const entry of entries) {
    const { tag, name, rights } = entry
    const isNamed = NAMED.includes(tag)
    if (!isNamed && !BASE.includes(tag) && tag !== ACL_TAG.mask) throw wrong(`tag ${tag} is unknown`)
    if (rights > RIGHTS_MAX) throw wrong(`rights ${rights} are over ${RIGHTS_MAX}`)
    if (isNamed !== (name !== '')) throw wrong('entries of users and groups, and no others, have a name')
    if (Buffer.byteLength(name) > IDENTITY_BYTES_MAX)
      throw wrong(`a name is over ${IDENTITY_BYTES_MAX} bytes`)
    const key = keyOf(entry)
    if (byKey.has(key)) throw wrong(`two entries are about the same: ${name || `tag ${tag}`}`)
    byKey.set(key, entry)
  }
  return byKey
}

function keyOf({ tag, name }: Pick<AclEntry, 'tag' | 'name'>): string {
  return `${tag}:${name}`
}

const MASK_KEY = keyOf({ tag: ACL_TAG.mask, name: '' })

function byId(a: NamedRights<string>, b: NamedRights<string>): number {
  return a.id < b.id ? -1 : 1
}

function wrong(why: string): FsError {
  return new FsError('INVALID_ARGUMENT', `the ACL is not valid: ${why}`)
}
