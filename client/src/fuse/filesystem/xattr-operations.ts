/**
 * Operations on extended attributes. Each acts as the caller. ACLs, which the kernel asks for by name,
 * there are none.
 */
import { getXattr, listXattrs, removeXattr, setXattr } from '@hopbine/common/protocol/metadata.ts'
import { encodeData, encodeSize } from '../protocol/encode.ts'
import type { RequestHeader, RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import type { MountContext } from './mount-context.ts'
import { done, reply } from './reply.ts'

/** setxattr(2)'s flags are the ways of the protocol: create 1, replace 2. */
const HOW_MASK = 3

export async function setAttribute(
  context: MountContext,
  { header, body }: RequestOf<'setxattr'>,
): Promise<Reply> {
  requireSupported(body.name)
  const { name, flags } = body
  // The message's memory is used again as soon as this function waits.
  const value = Buffer.from(body.value)
  const request = { path: context.path(header.nodeId), name, value, how: flags & HOW_MASK }
  await context.as(header).call(setXattr, request)
  return done(header)
}

export async function getAttribute(
  context: MountContext,
  { header, body }: RequestOf<'getxattr'>,
): Promise<Reply> {
  requireSupported(body.name)
  const request = { path: context.path(header.nodeId), name: body.name }
  const { value } = await context.as(header).call(getXattr, request)
  return sized(header, value, body.size)
}

export async function listAttributes(
  context: MountContext,
  { header, body }: RequestOf<'listxattr'>,
): Promise<Reply> {
  const { names } = await context.as(header).call(listXattrs, { path: context.path(header.nodeId) })
  return sized(header, Buffer.from(names.map(name => `${name}\0`).join('')), body.size)
}

export async function removeAttribute(
  context: MountContext,
  { header, body }: RequestOf<'removexattr'>,
): Promise<Reply> {
  requireSupported(body.name)
  await context.as(header).call(removeXattr, { path: context.path(header.nodeId), name: body.name })
  return done(header)
}

/** Size 0 asks how long the value is. */
function sized(header: RequestHeader, value: Uint8Array, size: number): Reply {
  if (size === 0) return reply(encodeSize(header.unique, value.length))
  if (value.length > size) throw new PosixError('ERANGE')
  return reply(encodeData(header.unique, value))
}

/** Answered here: programs that list files ask for ACLs of each. */
function requireSupported(name: string): void {
  if (name.startsWith('system.')) throw new PosixError('EOPNOTSUPP')
}
