/** Changing attributes of inodes that are known whole: what the namenode's operations do, on the overlay. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { IDENTITY_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { chmod, chown, utimes } from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, FLAG } from '@hopbine/common/protocol/types.ts'
import {
  chmodMode,
  chownMode,
  chownProblem,
  isOwner,
  MODE_BITS,
  maySetTimes,
} from '@hopbine/common/rules/permission.ts'
import { Detour } from './detour.ts'
import { setChanged } from './local-names.ts'
import { inodeOf, type LocalCaller, type LocalState, named, queueStep } from './local-state.ts'
import type { LocalInode } from './overlay.ts'

const NANOS_MAX = 999_999_999

type StatusAnswer = { status: FileStatus }

export function localChmod(
  state: LocalState,
  request: RequestOf<typeof chmod>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { mode } = request
  if (mode > MODE_BITS) throw new FsError('INVALID_ARGUMENT', `mode ${mode.toString(8)} is over 7777`)
  const inode = changeable(state, request.path, caller)
  if (inode instanceof Detour) return inode
  const { status } = inode
  requireOwner(caller, status)
  const newMode = chmodMode(caller, status.kind, status.group, mode)
  if (newMode === status.mode && setAgain(state, inode)) return { status: named(status, '') }
  return save(state, chmod, request, caller, inode, () => {
    status.mode = newMode
  })
}

export function localChown(
  state: LocalState,
  request: RequestOf<typeof chown>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { owner, group } = request
  for (const name of [owner, group]) {
    if (name === '' || (name !== undefined && Buffer.byteLength(name) > IDENTITY_BYTES_MAX)) {
      throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(name)} cannot be a user or group`)
    }
  }
  const inode = changeable(state, request.path, caller)
  if (inode instanceof Detour) return inode
  const { status } = inode
  requireOwner(caller, status)
  if (chownProblem(caller, status.owner, status.group, owner, group) !== undefined) {
    throw new FsError('NOT_PERMITTED', 'only a superuser may give files away, or to a group that is not his')
  }
  const next = {
    mode: chownMode(caller, status.kind, status.group, status.mode),
    owner: owner ?? status.owner,
    group: group ?? status.group,
  }
  const isSame = next.mode === status.mode && next.owner === status.owner && next.group === status.group
  if (isSame && setAgain(state, inode)) return { status: named(status, '') }
  return save(state, chown, request, caller, inode, () => {
    Object.assign(status, next)
  })
}

export function localUtimes(
  state: LocalState,
  request: RequestOf<typeof utimes>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { atime, mtime } = request
  for (const time of [atime, mtime]) {
    if (time !== undefined && time.nanos > NANOS_MAX) throw new FsError('INVALID_ARGUMENT', 'nanoseconds')
  }
  const inode = changeable(state, request.path, caller)
  if (inode instanceof Detour) return inode
  const { status } = inode
  if (!maySetTimes(caller, status.mode, status.owner, status.group)) requireOwner(caller, status)
  return save(state, utimes, request, caller, inode, () => {
    if (atime !== undefined) {
      status.atime = atime.seconds
      status.atimeNs = atime.nanos
    }
    if (mtime !== undefined) {
      status.mtime = mtime.seconds
      status.mtimeNs = mtime.nanos
    }
  })
}

/** An inode whose attributes are decided here alone. */
function changeable(state: LocalState, path: string, caller: LocalCaller): LocalInode | Detour {
  const inode = inodeOf(state, path, caller, 'change')
  if (inode instanceof Detour) return inode
  const { flags, nlink } = inode.status
  // What a session writes at the namenode, or what has an ACL, changes there.
  if (inode.isOpenAtServer || (flags & FLAG.accessAcl) !== 0) return Detour.forward
  // What has no name has no place in a batch.
  if (nlink === 0) return Detour.forward
  return inode
}

/**
 * Attributes are set to what they are, which only ctime tells: the operation before, if it set attributes of
 * the same inode, happens now instead. False: there is none that was not sent.
 */
function setAgain(state: LocalState, inode: LocalInode): boolean {
  const { attributesStep: step } = inode
  if (step === undefined || !state.queue.isLast(step)) return false
  const time = state.time()
  step.isOfOpenFile = state.isOpenForWriting?.(inode.id) === true
  state.queue.retime(step, time)
  setChanged(inode.status, time)
  return true
}

function save<Req extends { path: string }>(
  state: LocalState,
  method: Method<Req, unknown>,
  request: Req,
  caller: LocalCaller,
  inode: LocalInode,
  change: () => void,
): StatusAnswer {
  const time = state.time()
  const isOfOpenFile = state.isOpenForWriting?.(inode.id) === true
  const step = queueStep(state, { method, request, caller, time, about: [inode], isOfOpenFile })
  inode.own?.push(step)
  inode.attributesStep = step
  change()
  setChanged(inode.status, time)
  if (inode.isDirectory) state.overlay.reachEpoch += 1
  return { status: named(inode.status, '') }
}

function requireOwner(caller: LocalCaller, status: FileStatus): void {
  if (isOwner(caller, status.owner)) return
  throw new FsError('NOT_PERMITTED', `only its owner may change inode ${status.id}`)
}
