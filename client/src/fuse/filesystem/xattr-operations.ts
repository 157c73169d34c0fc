/** Operations on extended attributes. Each acts as the caller. Two names stand for ACLs. */
import { getXattr, listXattrs, removeXattr, setXattr } from '@hopbine/common/protocol/metadata.ts'
import { FLAG } from '@hopbine/common/protocol/types.ts'
import { encodeData, encodeError, encodeSize } from '../protocol/encode.ts'
import type { RequestHeader, RequestOf } from '../protocol/request.ts'
import { errnoNumber, PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { aclKindOf, aclNames, lacksAcl, readAcl, writeAcl } from './acl-operations.ts'
import type { MountContext } from './mount-context.ts'
import { after, ask, done, reply } from './reply.ts'

/** setxattr(2)'s flags are the ways of the protocol: create 1, replace 2. */
const HOW_MASK = 3
/** Names that there may be; whether the caller may see them the kernel has asked. */
const SPACES = /^(user|trusted|security)\../
const ENODATA = errnoNumber('ENODATA')

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
  try {
    await context.as(header).call(setXattr, request)
  } finally {
    context.forgetFlags(header.nodeId)
  }
  return done(header)
}

/**
 * Answered at once where it can be: programs that list files ask for ACLs of each, and the kernel for
 * capabilities at each write.
 */
export function getAttribute(context: MountContext, request: RequestOf<'getxattr'>): Reply | Promise<Reply> {
  const { header, body } = request
  const acl = aclKindOf(body.name)
  if (acl !== undefined && lacksAcl(context, header.nodeId, acl)) return noAttribute(header)
  if (acl === undefined) {
    requireSupported(body.name)
    const known = SPACES.test(body.name) ? context.knownFlags(header.nodeId) : undefined
    if (known !== undefined && (known & FLAG.xattrs) === 0) return noAttribute(header)
  }
  return fetchAttribute(context, request, acl)
}

function fetchAttribute(
  context: MountContext,
  { header, body }: RequestOf<'getxattr'>,
  acl: ReturnType<typeof aclKindOf>,
): Reply | Promise<Reply> {
  if (acl !== undefined) {
    return readAcl(context, header.nodeId, acl).then(value => sized(header, value, body.size))
  }
  const request = { path: context.path(header.nodeId), name: body.name }
  return after(ask(context.as(header), getXattr, request), ({ value }) => sized(header, value, body.size))
}

export function listAttributes(
  context: MountContext,
  request: RequestOf<'listxattr'>,
): Reply | Promise<Reply> {
  const { header, body } = request
  const known = context.knownFlags(header.nodeId)
  if (known === undefined || (known & FLAG.xattrs) !== 0) return fetchNames(context, request)
  return sized(header, nameList(aclNames(known)), body.size)
}

async function fetchNames(context: MountContext, { header, body }: RequestOf<'listxattr'>): Promise<Reply> {
  const request = { path: context.path(header.nodeId) }
  const { names, flags } = await context.as(header).call(listXattrs, request)
  return sized(header, nameList([...aclNames(flags), ...names]), body.size)
}

function nameList(names: readonly string[]): Buffer {
  return Buffer.from(names.map(name => `${name}\0`).join(''))
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
  try {
    await context.as(header).call(removeXattr, { path: context.path(header.nodeId), name: body.name })
  } finally {
    context.forgetFlags(header.nodeId)
  }
  return done(header)
}

function noAttribute(header: RequestHeader): Reply {
  return { parts: [encodeError(header.unique, ENODATA)], isError: true }
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
