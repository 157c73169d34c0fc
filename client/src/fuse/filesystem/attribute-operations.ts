/** Operations on attributes: reading and setting them, and the room of the filesystem. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { NAME_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { access, chmod, chown, stat, statfs, truncate, utimes } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { SET_GID, SET_UID, writtenMode } from '@hopbine/common/rules/permission.ts'
import { SETATTR } from '../protocol/constants.ts'
import { encodeAttributes, encodeRoom } from '../protocol/encode.ts'
import type { KernelTime, RequestHeader, RequestOf } from '../protocol/request.ts'
import type { Reply } from '../session/session.ts'
import { now } from './attributes.ts'
import type { Stamp } from './kernel-cache.ts'
import type { MountContext } from './mount-context.ts'
import type { OpenFile } from './open-file.ts'
import { reply } from './reply.ts'
import { whileLeased } from './while-leased.ts'

const MODE_BITS = 0o7777
const WRITE = 2
/** Unit in which statfs counts room, in bytes. */
const ROOM_BLOCK_BYTES = 4096

/** The kernel has checked the path; attributes are no secret of those who hold a handle. */
export async function getAttributes(context: MountContext, { header }: RequestOf<'getattr'>): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const status = await currentStatus(context, header.nodeId)
  await context.dropPages(status)
  return attributesReply(context, header.unique, status, stamp)
}

export async function setAttributes(context: MountContext, request: RequestOf<'setattr'>): Promise<Reply> {
  const { header, body } = request
  const { valid } = body
  const stamp = context.parts.cache.stamp()
  const file = context.parts.nodes.find(context.parts.nodes.inodeOf(header.nodeId))?.open
  const caller = callerFor(context, header, file)
  const path = context.path(header.nodeId)
  let status: WireStatus | undefined
  if (valid & SETATTR.size) status = await resize(context, request, caller, file)
  if (valid & (SETATTR.uid | SETATTR.gid)) {
    const { identity } = context.parts
    const owner = valid & SETATTR.uid ? identity.userName(body.uid) : undefined
    const group = valid & SETATTR.gid ? identity.groupName(body.gid) : undefined
    status = (await caller.call(chown, { path, owner, group })).status
    status = (await withoutPrivileges(context, header, status, header.uid === 0)) ?? status
  } else if (valid & SETATTR.killPrivileges) {
    status ??= await currentStatus(context, header.nodeId)
    status = (await withoutPrivileges(context, header, status)) ?? status
  }
  if (valid & SETATTR.mode) {
    status = (await caller.call(chmod, { path, mode: body.mode & MODE_BITS })).status
  }
  const times = timesOf(valid, body)
  if (times !== undefined) {
    context.parts.accessTimes.forget(context.parts.nodes.inodeOf(header.nodeId))
    // What is written and not saved yet would move the time again when it is.
    if (times.mtime !== undefined) await file?.sync()
    status = (await caller.call(utimes, { path, ...times })).status
  }
  status ??= await currentStatus(context, header.nodeId)
  if (file !== undefined) {
    file.mode = status.mode
    file.group = status.group
    file.isAccessDue = true
  }
  return attributesReply(context, header.unique, status, stamp)
}

type SetIds = Pick<WireStatus, 'mode' | 'group' | 'kind'>

/**
 * Clears the set-id bits of a file that fall off when the caller changes it: undefined if there is none. The
 * kernel asks for callers without a privilege only, but not at chown: `isPrivileged` says it then.
 */
export async function withoutPrivileges(
  context: MountContext,
  header: RequestHeader,
  status: SetIds,
  isPrivileged = false,
): Promise<WireStatus | undefined> {
  const mode = modeWithoutPrivileges(context, header, status, isPrivileged)
  if (mode === status.mode) return undefined
  return (await context.parts.rpc.call(chmod, { path: context.path(header.nodeId), mode })).status
}

function modeWithoutPrivileges(
  { parts }: MountContext,
  header: RequestHeader,
  { mode, group, kind }: SetIds,
  isPrivileged: boolean,
): number {
  if ((mode & (SET_UID | SET_GID)) === 0 || kind === KIND.directory) return mode
  // Whoever has the privilege counts as one of every group.
  return writtenMode(isPrivileged ? [group] : parts.identity.speakerOf(header).groups, group, mode)
}

export async function room(context: MountContext, { header }: RequestOf<'statfs'>): Promise<Reply> {
  const found = await context.parts.rpc.call(statfs, { path: context.path(header.nodeId) })
  return reply(
    encodeRoom(header.unique, {
      blocks: Math.floor(found.capacityBytes / ROOM_BLOCK_BYTES),
      blocksFree: Math.floor(found.freeBytes / ROOM_BLOCK_BYTES),
      files: found.names + found.namesFree,
      filesFree: found.namesFree,
      blockSize: ROOM_BLOCK_BYTES,
      nameBytesMax: NAME_BYTES_MAX,
    }),
  )
}

async function resize(
  context: MountContext,
  { header, body }: RequestOf<'setattr'>,
  caller: RpcCaller,
  file: OpenFile | undefined,
): Promise<WireStatus | undefined> {
  const path = context.path(header.nodeId)
  if (file === undefined) {
    const { status } = await whileLeased(() => caller.call(truncate, { path, size: body.size }))
    return status
  }
  // Through a handle the right was proven at its open.
  if ((body.valid & SETATTR.handle) === 0) await caller.call(access, { path, wanted: WRITE })
  await file.truncate(body.size)
  return undefined
}

function timesOf(
  valid: number,
  body: { readonly atime: KernelTime; readonly mtime: KernelTime },
): { atime?: KernelTime; mtime?: KernelTime } | undefined {
  const pick = (given: number, isNow: number, time: KernelTime): KernelTime | undefined => {
    if (valid & isNow) return now()
    return valid & given ? time : undefined
  }
  const atime = pick(SETATTR.atime, SETATTR.atimeNow, body.atime)
  const mtime = pick(SETATTR.mtime, SETATTR.mtimeNow, body.mtime)
  if (atime === undefined && mtime === undefined) return undefined
  return { ...(atime === undefined ? {} : { atime }), ...(mtime === undefined ? {} : { mtime }) }
}

/**
 * An open file without a name can be reached by mounts alone, and the kernel has asked who owns it. One whose
 * name went elsewhere shows when it cannot be reached.
 */
function callerFor(context: MountContext, header: RequestHeader, file: OpenFile | undefined): RpcCaller {
  const { rpc } = context.parts
  const caller = context.as(header)
  if (file === undefined || caller === rpc) return caller
  if (file.isOrphan) return rpc
  return {
    async call(method, request, options) {
      try {
        return await caller.call(method, request, options)
      } catch (error) {
        if (!isFsError(error, 'ACCESS_DENIED')) throw error
        const { nlink } = await currentStatus(context, header.nodeId)
        if (nlink > 0) throw error
        return rpc.call(method, request, options)
      }
    },
  }
}

async function currentStatus(context: MountContext, nodeId: number): Promise<WireStatus> {
  const { status } = await context.parts.rpc.call(stat, { path: context.path(nodeId), followLast: false })
  return status
}

function attributesReply(context: MountContext, unique: number, status: WireStatus, stamp: Stamp): Reply {
  const lifetimeMs = context.parts.cache.attributesMs(stamp, status.id)
  context.learnFlags(status, stamp)
  return reply(encodeAttributes(unique, context.attributes(status), lifetimeMs))
}
