/**
 * ACLs as users of the library write and read them: lists of entries, or the text of setfacl(1) and of
 * Hadoop's shell, such as `user::rw-,user:ada:r-x,default:group:lab:rwx`.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { ACL_TAG, type AclEntry as WireEntry } from '@hopbine/common/protocol/acl.ts'
import type { FileStatus } from './status.ts'

export interface AclEntry {
  readonly type: 'user' | 'group' | 'mask' | 'other'
  /** Empty: the owner, the owning group, or an entry that names nobody. */
  readonly name: string
  /** 4 read, 2 write, 1 execute, summed. */
  readonly permission: number
}

export interface Acl {
  /** Entries of owner, group and others at least, and a mask wherever there are more. */
  readonly access: readonly AclEntry[]
  /** What is made in a directory inherits these; empty for everything else. */
  readonly default: readonly AclEntry[]
  /** Owner, group and mode of that moment. */
  readonly status: FileStatus
}

/** What becomes of the entries that a change names: see `SetAclOptions.how`. */
export type AclChange = 'replace' | 'modify' | 'remove'

/** Text, or lists of entries; a list that is absent leaves that ACL as it is. */
export type AclInput =
  | string
  | { readonly access?: readonly AclEntry[]; readonly default?: readonly AclEntry[] }

const TAGS = {
  user: [ACL_TAG.userObj, ACL_TAG.user],
  group: [ACL_TAG.groupObj, ACL_TAG.group],
  mask: [ACL_TAG.mask, ACL_TAG.mask],
  other: [ACL_TAG.other, ACL_TAG.other],
} as const
type EntryType = keyof typeof TAGS

const LETTERS = [
  ['r', 4],
  ['w', 2],
  ['x', 1],
] as const

/** Entries as the namenode takes them. */
export function wireAcl(
  input: AclInput,
  how: AclChange,
): { access: WireEntry[] | undefined; default: WireEntry[] | undefined } {
  const { access, default: byDefault } = typeof input === 'string' ? parseAcl(input, how) : input
  return { access: access?.map(wireEntry), default: byDefault?.map(wireEntry) }
}

export function aclEntry({ tag, name, rights }: WireEntry): AclEntry {
  const type = (Object.keys(TAGS) as EntryType[]).find(key => TAGS[key].some(known => known === tag))
  if (type === undefined) throw new FsError('BAD_FRAME', `an ACL entry of the unknown kind ${tag}`)
  return { type, name, permission: rights }
}

/** `user:ada:r-x`. */
export function aclEntryText({ type, name, permission }: AclEntry): string {
  return `${type}:${name}:${permissionText(permission)}`
}

export function permissionText(permission: number): string {
  return LETTERS.map(([letter, bit]) => (permission & bit ? letter : '-')).join('')
}

function wireEntry({ type, name, permission }: AclEntry): WireEntry {
  return { tag: TAGS[type][name === '' ? 0 : 1], name, rights: permission }
}

/**
 * Entries between commas; whitespace around them does not count. With `remove` they have no rights.
 * INVALID_ARGUMENT for other text.
 */
export function parseAcl(
  text: string,
  how: AclChange,
): { access?: readonly AclEntry[]; default?: readonly AclEntry[] } {
  const access: AclEntry[] = []
  const byDefault: AclEntry[] = []
  for (const part of text.split(',')) {
    const fields = part.trim().split(':')
    const isDefault = fields[0] === 'default' || fields[0] === 'd'
    if (isDefault) fields.shift()
    ;(isDefault ? byDefault : access).push(parseEntry(fields, part, how === 'remove'))
  }
  return {
    ...(access.length > 0 ? { access } : {}),
    ...(byDefault.length > 0 ? { default: byDefault } : {}),
  }
}

function parseEntry(fields: readonly string[], text: string, isBare: boolean): AclEntry {
  const [word = '', name = '', letters] = fields
  const type = (Object.keys(TAGS) as EntryType[]).find(key => key === word || key[0] === word)
  if (type === undefined) throw wrong(`Invalid type of acl in <aclSpec> :${text}`)
  if (fields.length > 3) throw wrong(`Invalid <aclSpec> : ${text}`)
  if (isBare) {
    if (letters !== undefined && letters !== '') throw wrong(`Invalid <aclSpec> : ${text}`)
    return { type, name, permission: 0 }
  }
  const permission = parsePermission(letters ?? '')
  if (permission === undefined) throw wrong(`Invalid permission in <aclSpec> : ${text}`)
  return { type, name, permission }
}

/** Letters with or without dashes, or an octal digit. */
function parsePermission(text: string): number | undefined {
  if (/^[0-7]$/.test(text)) return Number(text)
  if (!/^(?=.)r?-?w?-?x?-?$/.test(text)) return undefined
  return LETTERS.reduce((sum, [letter, bit]) => sum + (text.includes(letter) ? bit : 0), 0)
}

function wrong(message: string): FsError {
  return new FsError('INVALID_ARGUMENT', message)
}
