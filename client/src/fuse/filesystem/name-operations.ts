/**
 * Operations on names in directories: looking up, making, linking, moving and removing. Each acts as the
 * caller.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import {
  create,
  IF_EXISTS,
  link,
  mkdir,
  mknod,
  REMOVE,
  RENAME,
  readlink,
  remove,
  rename,
  stat,
  symlink,
} from '@hopbine/common/protocol/metadata.ts'
import { RENAME_FLAG } from '../protocol/constants.ts'
import { encodeData, encodeNegativeEntry } from '../protocol/encode.ts'
import type { RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { deviceText, isDevice, kindOfType, TYPE, TYPE_MASK } from './attributes.ts'
import type { MountContext } from './mount-context.ts'
import { done, entryReply, reply } from './reply.ts'

const MODE_BITS = 0o7777

export async function lookup(context: MountContext, { header, body }: RequestOf<'lookup'>): Promise<Reply> {
  const { cache, nodes } = context.parts
  const stamp = cache.stamp()
  try {
    const request = { path: context.child(header.nodeId, body.name), followLast: false }
    const { status } = await context.as(header).call(stat, request)
    return entryReply(context, header, context.entry(status, header.nodeId, stamp))
  } catch (error) {
    if (!isFsError(error, 'NOT_FOUND')) throw error
    const entryMs = cache.entryMs(stamp, nodes.inodeOf(header.nodeId), body.name)
    if (entryMs === 0) throw error
    return reply(encodeNegativeEntry(header.unique, entryMs))
  }
}

export async function makeDirectory(
  context: MountContext,
  { header, body }: RequestOf<'mkdir'>,
): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const request = {
    path: context.child(header.nodeId, body.name),
    mode: body.mode & MODE_BITS,
    umask: body.umask,
  }
  const { status } = await context.as(header).call(mkdir, request)
  return entryReply(context, header, context.entry(status, header.nodeId, stamp))
}

export async function makeNode(context: MountContext, { header, body }: RequestOf<'mknod'>): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const type = body.mode & TYPE_MASK
  const path = context.child(header.nodeId, body.name)
  const mode = body.mode & MODE_BITS
  const { umask } = body
  const caller = context.as(header)
  if (type === TYPE.file || type === 0) {
    const kept = { ifExists: IF_EXISTS.fail, createParents: false, replication: 0, blockSize: 0 }
    const { status } = await caller.call(create, { path, mode, umask, ...kept, inline: new Uint8Array(0) })
    return entryReply(context, header, context.entry(status, header.nodeId, stamp))
  }
  const kind = kindOfType(type)
  if (kind === undefined) throw new PosixError('EINVAL', `files of type ${type.toString(8)} cannot be made`)
  const device = isDevice(kind) ? deviceText(body.device) : ''
  const { status } = await caller.call(mknod, { path, kind, mode, device, umask })
  return entryReply(context, header, context.entry(status, header.nodeId, stamp))
}

export async function makeLink(
  context: MountContext,
  { header, body }: RequestOf<'symlink'>,
): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const request = { path: context.child(header.nodeId, body.name), target: body.target }
  const { status } = await context.as(header).call(symlink, request)
  return entryReply(context, header, context.entry(status, header.nodeId, stamp))
}

export async function hardLink(context: MountContext, { header, body }: RequestOf<'link'>): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const request = { from: context.path(body.oldNodeId), to: context.child(header.nodeId, body.name) }
  const { status } = await context.as(header).call(link, request)
  context.parts.nodes.find(status.id)?.open?.named()
  return entryReply(context, header, context.entry(status, header.nodeId, stamp))
}

export async function readLink(context: MountContext, { header }: RequestOf<'readlink'>): Promise<Reply> {
  const { target } = await context.parts.rpc.call(readlink, { path: context.path(header.nodeId) })
  return reply(encodeData(header.unique, Buffer.from(target)))
}

export async function unlink(context: MountContext, { header, body }: RequestOf<'unlink'>): Promise<Reply> {
  const path = context.child(header.nodeId, body.name)
  const request = {
    path,
    recursive: false,
    only: REMOVE.file,
    keepOpen: context.openInodes(header.nodeId, body.name),
  }
  const { kept } = await context.as(header).call(remove, request)
  context.orphaned(kept)
  return done(header)
}

export async function removeDirectory(
  context: MountContext,
  { header, body }: RequestOf<'rmdir'>,
): Promise<Reply> {
  const path = context.child(header.nodeId, body.name)
  await context.as(header).call(remove, { path, recursive: false, only: REMOVE.directory })
  return done(header)
}

export async function move(
  context: MountContext,
  { header, body }: RequestOf<'rename'> | RequestOf<'rename2'>,
): Promise<Reply> {
  const request = {
    from: context.child(header.nodeId, body.name),
    to: context.child(body.newParent, body.newName),
    mode: renameMode(body.flags),
    keepOpen: context.openInodes(body.newParent, body.newName),
  }
  const { kept } = await context.as(header).call(rename, request)
  context.orphaned(kept)
  context.moved(header.nodeId, body.name, body.newParent, body.newName)
  return done(header)
}

function renameMode(flags: number): number {
  if (flags === 0) return RENAME.replace
  if (flags === RENAME_FLAG.noReplace) return RENAME.noReplace
  if (flags === RENAME_FLAG.exchange) return RENAME.exchange
  throw new PosixError('EINVAL', `rename flags ${flags} are not supported`)
}
