/**
 * Operations on names in directories: looking up, making, linking, moving and removing. Each acts as the
 * caller.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
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
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { MODE_BITS } from '@hopbine/common/rules/permission.ts'
import { RENAME_FLAG } from '../protocol/constants.ts'
import { encodeData, encodeError, encodeNegativeEntry } from '../protocol/encode.ts'
import type { RequestHeader, RequestOf } from '../protocol/request.ts'
import { errnoNumber, PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { deviceText, isDevice, kindOfType, TYPE, TYPE_MASK } from './attributes.ts'
import type { Stamp } from './kernel-cache.ts'
import type { MountContext } from './mount-context.ts'
import { after, ask, done, entryReply, reply } from './reply.ts'

type Answer = Reply | Promise<Reply>

const ENOENT = errnoNumber('ENOENT')

export function lookup(context: MountContext, { header, body }: RequestOf<'lookup'>): Answer {
  const { cache, nodes } = context.parts
  const stamp = cache.stamp()
  const missed = (error: unknown): Reply => {
    if (!isFsError(error, 'NOT_FOUND')) throw error
    const entryMs = cache.entryMs(stamp, nodes.inodeOf(header.nodeId), body.name)
    if (entryMs === 0) return { parts: [encodeError(header.unique, ENOENT)], isError: true }
    return reply(encodeNegativeEntry(header.unique, entryMs))
  }
  const request = { path: context.child(header.nodeId, body.name), followLast: false }
  const caller = context.as(header)
  const known = caller.tryOutcome?.(stat, request)
  if (known instanceof FsError) return missed(known)
  if (known !== undefined) return newEntry(context, header, known, stamp)
  return caller.call(stat, request).then(found => newEntry(context, header, found, stamp), missed)
}

type StatusAnswer = { readonly status: WireStatus }

function newEntry(
  context: MountContext,
  header: RequestHeader,
  { status }: StatusAnswer,
  stamp: Stamp,
): Reply {
  return entryReply(context, header, context.entry(status, header.nodeId, stamp))
}

export function makeDirectory(context: MountContext, { header, body }: RequestOf<'mkdir'>): Answer {
  const stamp = context.parts.cache.stamp()
  const request = {
    path: context.child(header.nodeId, body.name),
    mode: body.mode & MODE_BITS,
    umask: body.umask,
  }
  return after(ask(context.as(header), mkdir, request), made => newEntry(context, header, made, stamp))
}

export function makeNode(context: MountContext, { header, body }: RequestOf<'mknod'>): Answer {
  const stamp = context.parts.cache.stamp()
  const type = body.mode & TYPE_MASK
  const path = context.child(header.nodeId, body.name)
  const mode = body.mode & MODE_BITS
  const { umask } = body
  const caller = context.as(header)
  if (type === TYPE.file || type === 0) {
    const kept = { ifExists: IF_EXISTS.fail, createParents: false, replication: 0, blockSize: 0 }
    const request = { path, mode, umask, ...kept, inline: new Uint8Array(0) }
    return after(ask(caller, create, request), made => newEntry(context, header, made, stamp))
  }
  const kind = kindOfType(type)
  if (kind === undefined) throw new PosixError('EINVAL', `files of type ${type.toString(8)} cannot be made`)
  const device = isDevice(kind) ? deviceText(body.device) : ''
  const request = { path, kind, mode, device, umask }
  return after(ask(caller, mknod, request), made => newEntry(context, header, made, stamp))
}

export function makeLink(context: MountContext, { header, body }: RequestOf<'symlink'>): Answer {
  const stamp = context.parts.cache.stamp()
  const request = { path: context.child(header.nodeId, body.name), target: body.target }
  return after(ask(context.as(header), symlink, request), made => newEntry(context, header, made, stamp))
}

export function hardLink(context: MountContext, { header, body }: RequestOf<'link'>): Answer {
  const stamp = context.parts.cache.stamp()
  const request = { from: context.path(body.oldNodeId), to: context.child(header.nodeId, body.name) }
  return after(ask(context.as(header), link, request), linked => {
    context.parts.nodes.openFile(linked.status.id)?.named()
    return newEntry(context, header, linked, stamp)
  })
}

export function readLink(context: MountContext, { header }: RequestOf<'readlink'>): Answer {
  const request = { path: context.path(header.nodeId) }
  return after(ask(context.parts.rpc, readlink, request), ({ target }) =>
    reply(encodeData(header.unique, Buffer.from(target))),
  )
}

export function unlink(context: MountContext, { header, body }: RequestOf<'unlink'>): Answer {
  const path = context.child(header.nodeId, body.name)
  const request = {
    path,
    recursive: false,
    only: REMOVE.file,
    keepOpen: context.openInodes(header.nodeId, body.name),
  }
  return after(ask(context.as(header), remove, request), ({ kept }) => {
    context.orphaned(kept)
    return done(header)
  })
}

export function removeDirectory(context: MountContext, { header, body }: RequestOf<'rmdir'>): Answer {
  const path = context.child(header.nodeId, body.name)
  const request = { path, recursive: false, only: REMOVE.directory }
  return after(ask(context.as(header), remove, request), () => done(header))
}

export function move(
  context: MountContext,
  { header, body }: RequestOf<'rename'> | RequestOf<'rename2'>,
): Answer {
  const request = {
    from: context.child(header.nodeId, body.name),
    to: context.child(body.newParent, body.newName),
    mode: renameMode(body.flags),
    keepOpen: context.openInodes(body.newParent, body.newName),
  }
  return after(ask(context.as(header), rename, request), ({ kept }) => {
    context.orphaned(kept)
    context.moved(header.nodeId, body.name, body.newParent, body.newName)
    return done(header)
  })
}

function renameMode(flags: number): number {
  if (flags === 0) return RENAME.replace
  if (flags === RENAME_FLAG.noReplace) return RENAME.noReplace
  if (flags === RENAME_FLAG.exchange) return RENAME.exchange
  throw new PosixError('EINVAL', `rename flags ${flags} are not supported`)
}
