/** Operations on attributes: reading and setting them, and the room of the filesystem. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { NAME_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { access, chmod, chown, stat, statfs, truncate, utimes } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { MODE_BITS, SET_GID, SET_UID, WRITE, writtenMode } from '@hopbine/common/rules/permission.ts'
import { SETATTR } from '../protocol/constants.ts'
import { encodeAttributes, encodeRoom } from '../protocol/encode.ts'
import type { KernelTime, RequestHeader, RequestOf } from '../protocol/request.ts'
import type { Reply } from '../session/session.ts'
import { now } from './attributes.ts'
import type { Stamp } from './kernel-cache.ts'
import type { MountContext } from './mount-context.ts'
import type { OpenFile } from './open-file.ts'
import { after, ask, reply } from './reply.ts'
import { whileLeased } from './while-leased.ts'

/** Unit in which statfs counts room, in bytes. */
const ROOM_BLOCK_BYTES = 4096

/** The kernel has checked the path; attributes are no secret of those who hold a handle. */
export function getAttributes(
  context: MountContext,
  { header }: RequestOf<'getattr'>,
): Reply | Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  return after(currentStatus(context, header.nodeId), status =>
    after(context.dropPages(status), () => attributesReply(context, header.unique, status, stamp)),
  )
}

/** A request to set attributes, on its way through the steps below. */
interface Setting {
  readonly context: MountContext
  readonly request: RequestOf<'setattr'>
  readonly caller: RpcCaller
  readonly path: string
  readonly file: OpenFile | undefined
  /** As the step before left them. */
  status: WireStatus | undefined
}

type Step = (setting: Setting) => void | Promise<void>

const STEPS: readonly Step[] = [setSize, setOwner, setMode, setTimes]

export function setAttributes(context: MountContext, request: RequestOf<'setattr'>): Reply | Promise<Reply> {
  const { header } = request
  const stamp = context.parts.cache.stamp()
  const file = context.parts.nodes.openFile(context.parts.nodes.inodeOf(header.nodeId))
  const caller = callerFor(context, header, file)
  const path = context.path(header.nodeId)
  const setting: Setting = { context, request, caller, path, file, status: undefined }
  return after(takeSteps(setting, 0), () =>
    after(setting.status ?? currentStatus(context, header.nodeId), status => {
      if (file !== undefined) {
        file.mode = status.mode
        file.group = status.group
        file.isAccessDue = true
      }
      return attributesReply(context, header.unique, status, stamp)
    }),
  )
}

/** One step after the other, without a pause where none is needed. */
function takeSteps(setting: Setting, first: number): void | Promise<void> {
  for (let at = first; at < STEPS.length; at++) {
    const work = (STEPS[at] as Step)(setting)
    if (work instanceof Promise) return work.then(() => takeSteps(setting, at + 1))
  }
}

function setSize(setting: Setting): void | Promise<void> {
  const { context, request, caller, file } = setting
  if ((request.body.valid & SETATTR.size) === 0) return
  return resize(context, request, caller, file).then(status => {
    setting.status = status
  })
}

function setOwner(setting: Setting): void | Promise<void> {
  const { context, request, caller, path } = setting
  const { header, body } = request
  const { valid } = body
  if (valid & (SETATTR.uid | SETATTR.gid)) {
    const { identity } = context.parts
    const owner = valid & SETATTR.uid ? identity.userName(body.uid) : undefined
    const group = valid & SETATTR.gid ? identity.groupName(body.gid) : undefined
    return after(ask(caller, chown, { path, owner, group }), ({ status }) =>
      dropSetIds(setting, status, header.uid === 0),
    )
  }
  if ((valid & SETATTR.killPrivileges) === 0) return
  return after(setting.status ?? currentStatus(context, header.nodeId), status =>
    dropSetIds(setting, status, false),
  )
}

function dropSetIds(setting: Setting, status: WireStatus, isPrivileged: boolean): void | Promise<void> {
  setting.status = status
  // Most files have none.
  if ((status.mode & (SET_UID | SET_GID)) === 0) return
  return withoutPrivileges(setting.context, setting.request.header, status, isPrivileged).then(changed => {
    setting.status = changed ?? status
  })
}

function setMode(setting: Setting): void | Promise<void> {
  const { valid, mode } = setting.request.body
  if ((valid & SETATTR.mode) === 0) return
  return after(ask(setting.caller, chmod, { path: setting.path, mode: mode & MODE_BITS }), ({ status }) => {
    setting.status = status
  })
}

function setTimes(setting: Setting): void | Promise<void> {
  const { context, request, caller, path, file } = setting
  const times = timesOf(request.body.valid, request.body)
  if (times === undefined) return
  context.parts.accessTimes.forget(context.parts.nodes.inodeOf(request.header.nodeId))
  // What is written and not saved yet would move the time again when it is.
  const saved = times.mtime === undefined || file === undefined || file.syncNow() ? undefined : file.sync()
  return after(saved, () =>
    after(ask(caller, utimes, { path, ...times }), ({ status }) => {
      setting.status = status
    }),
  )
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

function currentStatus(context: MountContext, nodeId: number): WireStatus | Promise<WireStatus> {
  const request = { path: context.path(nodeId), followLast: false }
  return after(ask(context.parts.rpc, stat, request), ({ status }) => status)
}

function attributesReply(context: MountContext, unique: number, status: WireStatus, stamp: Stamp): Reply {
  const lifetimeMs = context.parts.cache.attributesMs(stamp, status.id)
  context.learnFlags(status, stamp)
  return reply(encodeAttributes(unique, context.attributes(status), lifetimeMs))
}
