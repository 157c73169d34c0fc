/** Operations on extended attributes. Each acts as the caller. Two names stand for ACLs. */
import { getXattr, listXattrs, removeXattr, setXattr } from '@hopbine/common/protocol/metadata.ts'
import { encodeData, encodeSize } from '../protocol/encode.ts'
import type { RequestHeader, RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { aclKindOf, aclNames, lacksAcl, readAcl, writeAcl } from './acl-operations.ts'
import type { MountContext } from './mount-context.ts'
import { done, reply } from './reply.ts'

/** setxattr(2)'s flags are the ways of the protocol: create 1, replace 2. */
const HOW_MASK = 3

export async function setAttribute(
  context: MountContext,
  { header, body }: RequestOf<'setxattr'>,
): Promise<Reply> {
  const { name, flags } = body
  // The message's memory is used again as soon as this function waits.
  const value = Buffer.from(body.value)
  const acl = aclKindOf(name)
  if (acl !== undefined) {
    await writeAcl(context, header, acl, value)
    return done(header)
  }
  requireSupported(name)
  const request = { path: context.path(header.nodeId), name, value, how: flags & HOW_MASK }
  await context.as(header).call(setXattr, request)
  return done(header)
}

/** Answered at once where it can be: programs that list files ask for ACLs of each. */
export function getAttribute(context: MountContext, request: RequestOf<'getxattr'>): Promise<Reply> {
  const { header, body } = request
  const acl = aclKindOf(body.name)
  if (acl !== undefined && lacksAcl(context, header.nodeId, acl)) throw new PosixError('ENODATA')
  return fetchAttribute(context, request, acl)
}

async function fetchAttribute(
  context: MountContext,
  { header, body }: RequestOf<'getxattr'>,
  acl: ReturnType<typeof aclKindOf>,
): Promise<Reply> {
  if (acl !== undefined) return sized(header, await readAcl(context, header.nodeId, acl), body.size)
  requireSupported(body.name)
  const request = { path: context.path(header.nodeId), name: body.name }
  const { value } = await context.as(header).call(getXattr, request)
  return sized(header, value, body.size)
}

export async function listAttributes(
  context: MountContext,
  { header, body }: RequestOf<'listxattr'>,
): Promise<Reply> {
  const request = { path: context.path(header.nodeId) }
  const { names, flags } = await context.as(header).call(listXattrs, request)
  return sized(
    header,
    Buffer.from([...aclNames(flags), ...names].map(name => `${name}\0`).join('')),
    body.size,
  )
}

export async function removeAttribute(
  context: MountContext,
  { header, body }: RequestOf<'removexattr'>,
): Promise<Reply> {
  const acl = aclKindOf(body.name)
  if (acl !== undefined) {
    await writeAcl(context, header, acl, Buffer.alloc(0))
    return done(header)
  }
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

/** Other names of that space have no meaning here. */
function requireSupported(name: string): void {
  if (name.startsWith('system.')) throw new PosixError('EOPNOTSUPP')
}
