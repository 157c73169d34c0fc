/**
 * POSIX ACLs as the kernel passes them in extended attributes (linux/posix_acl_xattr.h, version 2): a version
 * word, then tag, rights and number of each entry. Pure.
 */
import { ProtocolError } from './message-reader.ts'

export const ACCESS_ACL = 'system.posix_acl_access'
export const DEFAULT_ACL = 'system.posix_acl_default'

const VERSION = 2
const HEAD_BYTES = 4
const ENTRY_BYTES = 8
/** Number of entries that are about no user or group. */
const NO_ID = 0xffff_ffff

export interface NumberedEntry {
  /** One of `ACL_TAG`. */
  readonly tag: number
  readonly rights: number
  /** Of the user or group; undefined for entries that name none. */
  readonly id: number | undefined
}

export function encodeAcl(entries: readonly NumberedEntry[]): Buffer {
  const value = Buffer.alloc(HEAD_BYTES + entries.length * ENTRY_BYTES)
  value.writeUInt32LE(VERSION, 0)
  entries.forEach(({ tag, rights, id = NO_ID }, index) => {
    const at = HEAD_BYTES + index * ENTRY_BYTES
    value.writeUInt16LE(tag, at)
    value.writeUInt16LE(rights, at + 2)
    value.writeUInt32LE(id, at + 4)
  })
  return value
}

/** Throws ProtocolError for another version, and for what is no list of entries. */
export function decodeAcl(value: Buffer): NumberedEntry[] {
  if (value.length < HEAD_BYTES) throw new ProtocolError('EINVAL', 'an ACL without a version')
  if (value.readUInt32LE(0) !== VERSION) throw new ProtocolError('EINVAL', 'an ACL of another version')
  const count = (value.length - HEAD_BYTES) / ENTRY_BYTES
  if (!Number.isInteger(count)) throw new ProtocolError('EINVAL', 'an ACL with a part of an entry')
  return Array.from({ length: count }, (_, index) => {
    const at = HEAD_BYTES + index * ENTRY_BYTES
    const id = value.readUInt32LE(at + 4)
    const [tag, rights] = [value.readUInt16LE(at), value.readUInt16LE(at + 2)]
    return { tag, rights, id: id === NO_ID ? undefined : id }
  })
}
