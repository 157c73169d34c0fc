/**
 * Making, linking and removing names in leased directories: what the namenode's operations of the same
 * names do, on the overlay. Every check comes before the operation is queued, and nothing changes before.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_BYTES_DEFAULT,
  INLINE_BYTES_MAX,
  LINKS_MAX,
  REPLICATION_DEFAULT,
  SYMLINK_BYTES_MAX,
} from '@hopbine/common/base/limits.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import {
  create,
  IF_EXISTS,
  link,
  mkdir,
  mknod,
  REMOVE,
  remove,
  symlink,
  utimes,
} from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, FLAG, KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, inheritsGroup, MODE_BITS, newMode, WRITE } from '@hopbine/common/rules/permission.ts'
import { hasItsNumbers, isDevice, isSpecial } from '@hopbine/common/rules/special-files.ts'
import { Detour } from './detour.ts'
import {
  hindranceOf,
  inodeOf,
  type LocalCaller,
  type LocalPlace,
  type LocalState,
  named,
  notFound,
  placeOf,
  queueStep,
  requireRemovable,
  requireRight,
} from './local-state.ts'
import type { StepTime } from './operation-queue.ts'
import { LocalDirectory, LocalInode } from './overlay.ts'
import { chargeOf } from './quota-rooms.ts'

const NO_BYTES = new Uint8Array(0)

type StatusAnswer = { status: FileStatus }

export function localMkdir(
  state: LocalState,
  request: RequestOf<typeof mkdir>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const place = freePlace(state, request.path, caller)
  if (place instanceof Detour) return place
  const inode = { kind: KIND.directory, mode: request.mode, umask: request.umask, generation: 0 }
  const made = make(state, place, caller, inode, mkdir, request)
  if (made instanceof Detour) return made
  const directory = new LocalDirectory(made, place.directory.quotaRoot)
  made.directory = directory
  state.overlay.enter(directory)
  return { status: named(made.status, place.name) }
}

export function localCreate(
  state: LocalState,
  request: RequestOf<typeof create>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { ifExists, createParents, inline = NO_BYTES } = request
  if (ifExists !== IF_EXISTS.fail || createParents || inline.length > INLINE_BYTES_MAX) return Detour.forward
  const place = placeOf(state, request.path, caller, 'change')
  if (place instanceof Detour) return place
  const existing = place.inode
  if (existing?.isDirectory) throw new FsError('IS_A_DIRECTORY', `${request.path} is a directory`)
  if (existing !== undefined) throw alreadyExists(request.path)
  requireRight(place.directory.status, caller, WRITE | EXECUTE)
  if (isForNamenode(place.directory)) return Detour.forward
  const blockSize = request.blockSize || BLOCK_BYTES_DEFAULT
  const replication = request.replication || REPLICATION_DEFAULT
  const whole = { ...request, inline, blockSize, replication }
  const made = make(
    state,
    place,
    caller,
    {
      kind: KIND.file,
      mode: request.mode,
      umask: request.umask,
      size: inline.length,
      blockSize,
      replication,
      flags: inline.length > 0 ? FLAG.inline : 0,
      generation: 1,
      isOpened: request.inline === undefined,
    },
    create,
    whole,
  )
  if (made instanceof Detour) return made
  const step = made.own?.[0]
  if (step !== undefined) made.draft = { step, request: whole, sizeBefore: 0 }
  made.content = inline
  if (request.inline === undefined) {
    made.isOpenHere = true
    made.status.flags |= FLAG.open
  }
  return { status: named(made.status, place.name) }
}

export function localSymlink(
  state: LocalState,
  request: RequestOf<typeof symlink>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { path, target } = request
  if (target === '' || target.includes('\0')) throw new FsError('INVALID_ARGUMENT', 'a link needs a target')
  const size = Buffer.byteLength(target)
  if (size > SYMLINK_BYTES_MAX) {
    throw new FsError('NAME_TOO_LONG', `a link's target has at most ${SYMLINK_BYTES_MAX} bytes`)
  }
  const place = freePlace(state, path, caller)
  if (place instanceof Detour) return place
  const inode = { kind: KIND.symlink, mode: 0o777, size, target, generation: 1 }
  const made = make(state, place, caller, inode, symlink, request)
  return made instanceof Detour ? made : { status: named(made.status, place.name) }
}

export function localMknod(
  state: LocalState,
  request: RequestOf<typeof mknod>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { path, kind, mode, device } = request
  if (!isSpecial(kind) || !hasItsNumbers(kind, device)) return Detour.forward
  const place = freePlace(state, path, caller)
  if (place instanceof Detour) return place
  if (isDevice(kind) && !caller.superuser) {
    throw new FsError('NOT_PERMITTED', 'only a superuser makes devices', { path })
  }
  const target = isDevice(kind) ? device : ''
  const inode = { kind, mode, umask: request.umask, target, generation: 1 }
  const made = make(state, place, caller, inode, mknod, request)
  return made instanceof Detour ? made : { status: named(made.status, place.name) }
}

export function localLink(
  state: LocalState,
  request: RequestOf<typeof link>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const { from, to } = request
  const inode = inodeOf(state, from, caller, 'change')
  if (inode instanceof Detour) return inode
  if (inode.isDirectory) throw new FsError('NOT_PERMITTED', `${from} is a directory`, { path: from })
  const { nlink } = inode.status
  if (nlink === 0) throw notFound(from)
  if (nlink >= LINKS_MAX) throw new FsError('TOO_MANY_LINKS', `${from} has ${nlink} names`)
  const place = freePlace(state, to, caller)
  if (place instanceof Detour) return place
  const { quotaRoot } = place.directory
  // A link across the border of a quota is refused.
  if (inode.places.some(known => known.quotaRoot !== quotaRoot)) return Detour.forward
  const charge = chargeOf(quotaRoot, 1, inode.status.size * inode.status.replication)
  const detour = state.roomFor(charge)
  if (detour !== undefined) return detour
  const inodeId = state.takeId()
  if (inodeId === 0) return Detour.wait(state.untilIds())
  const time = state.time()
  const about = [inode, place.directory.inode]
  queueStep(state, { method: link, request, caller, time, inodeId, about, charge })
  inode.own = undefined
  inode.status.nlink += 1
  setChanged(inode.status, time)
  addName(state, place, inode, time)
  return { status: named(inode.status, place.name) }
}

export function localRemove(
  state: LocalState,
  request: RequestOf<typeof remove>,
  caller: LocalCaller,
): ResponseOf<typeof remove> | Detour {
  const { path, recursive, only, keepOpen = [] } = request
  if (recursive || only > REMOVE.directory) return Detour.forward
  const place = placeOf(state, path, caller, 'free')
  if (place instanceof Detour) return place
  const { directory, name, inode } = place
  if (inode === undefined) throw notFound(path)
  if (!inode.isCovered) return Detour.forward
  const detour = hindranceOf(state, inode, 'free')
  if (detour !== undefined) return detour
  requireKind(inode, path, only)
  requireRemovable(directory, caller, inode.status.owner)
  const isKept = !inode.isDirectory && inode.status.nlink === 1 && keepOpen.includes(inode.id)
  const time = state.time()
  if (!removeQuietly(state, place, inode, isKept, caller, time)) {
    queueStep(state, { method: remove, request, caller, time, about: [inode, directory.inode] })
    state.queue.free()
  }
  dropName(state, directory, name, inode, time, isKept)
  const isDirectory = inode.isDirectory ? 1 : 0
  const counts = { files: 1 - isDirectory, directories: isDirectory, bytes: inode.status.size }
  return isKept ? { ...counts, kept: [inode.id] } : counts
}

function requireKind(inode: LocalInode, path: string, only: number): void {
  if (!inode.isDirectory) {
    if (only !== REMOVE.directory) return
    throw new FsError('NOT_A_DIRECTORY', `${path} is not a directory`, { path })
  }
  if (only === REMOVE.file) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
  if (inode.status.children > 0) throw new FsError('NOT_EMPTY', `${path} is not empty`, { path })
}

/**
 * A file that comes and goes before the namenode has heard of it never was; only the times of its directory
 * tell.
 */
function removeQuietly(
  state: LocalState,
  { directory }: LocalPlace,
  inode: LocalInode,
  isKept: boolean,
  caller: LocalCaller,
  time: StepTime,
): boolean {
  const { own } = inode
  if (isKept || inode.isDirectory || own === undefined || own.some(step => step.state !== 'waiting'))
    return false
  const request = { path: inodePath(directory.id), atime: undefined, mtime: { ...time } }
  // Whoever may take names out of a directory may set its times.
  const about = [directory.inode]
  // Both are written down together.
  queueStep(state, { method: utimes, request, caller, time, about, isOfOpenFile: true })
  state.queue.cancel(own)
  return true
}

/** The name is gone from the overlay, and its directory's counts and times say so. */
export function dropName(
  state: LocalState,
  directory: LocalDirectory,
  name: string,
  inode: LocalInode,
  time: StepTime,
  isKept: boolean,
): void {
  if (inode.directory !== undefined) state.overlay.release(inode.directory)
  if (!inode.isDirectory) {
    inode.status.nlink -= 1
    setChanged(inode.status, time)
  }
  inode.own = undefined
  state.overlay.take(directory, name, isKept)
  countEntry(directory, -1, inode, time)
}

/** The name is there, and its directory's counts and times say so. */
export function addName(
  state: LocalState,
  { directory, name }: Pick<LocalPlace, 'directory' | 'name'>,
  inode: LocalInode,
  time: StepTime,
): void {
  state.overlay.put(directory, name, inode)
  countEntry(directory, 1, inode, time)
}

/** Counts and times of a directory that gained or lost an entry. */
export function countEntry(
  directory: LocalDirectory,
  count: 1 | -1,
  inode: LocalInode,
  time: StepTime,
): void {
  const { status } = directory
  status.children += count
  if (inode.isDirectory) status.nlink += count
  status.mtime = time.seconds
  status.mtimeNs = time.nanos
  setChanged(status, time)
}

export function setChanged(status: FileStatus, time: StepTime): void {
  status.ctime = time.seconds
  status.ctimeNs = time.nanos
}

/** A free name where the caller may make something. */
function freePlace(state: LocalState, path: string, caller: LocalCaller): LocalPlace | Detour {
  const place = placeOf(state, path, caller, 'change')
  if (place instanceof Detour) return place
  if (place.inode !== undefined) throw alreadyExists(path)
  requireRight(place.directory.status, caller, WRITE | EXECUTE)
  return isForNamenode(place.directory) ? Detour.forward : place
}

/** Only the namenode knows what a default ACL says. */
function isForNamenode({ status }: LocalDirectory): boolean {
  return (status.flags & FLAG.defaultAcl) !== 0
}

interface NewInode {
  readonly kind: number
  readonly mode: number
  readonly umask?: number | undefined
  readonly size?: number
  readonly target?: string
  readonly blockSize?: number
  readonly replication?: number
  readonly flags?: number
  readonly generation: number
  /** Its maker is going to write it. */
  readonly isOpened?: boolean
}

/** A new inode at a free place: queued, then known. */
function make<Req>(
  state: LocalState,
  place: LocalPlace,
  caller: LocalCaller,
  kind: NewInode,
  method: Method<Req, unknown>,
  request: Req,
): LocalInode | Detour {
  const { size = 0, replication = 0 } = kind
  const charge = chargeOf(place.directory.quotaRoot, 1, size * replication)
  const detour = state.roomFor(charge)
  if (detour !== undefined) return detour
  const id = state.takeId()
  if (id === 0) return Detour.wait(state.untilIds())
  const time = state.time()
  const inode = new LocalInode(newStatus(id, place.directory.status, caller, kind, time))
  inode.isBornHere = true
  inode.isPlain = true
  const step = { method, request, caller, time, inodeId: id, about: [inode, place.directory.inode], charge }
  const isOfOpenFile = kind.isOpened === true && state.isOpenForWriting !== undefined
  inode.own = [queueStep(state, { ...step, isOfOpenFile })]
  state.overlay.inodes.set(id, inode)
  addName(state, place, inode, time)
  return inode
}

function newStatus(
  id: number,
  parent: FileStatus,
  caller: LocalCaller,
  inode: NewInode,
  time: StepTime,
): FileStatus {
  const { kind, umask = 0, generation } = inode
  const group = inheritsGroup(parent.mode) ? parent.group : (caller.groups[0] ?? caller.user)
  const isMember = caller.superuser || caller.groups.includes(group)
  return {
    id,
    name: '',
    kind,
    mode: newMode(kind, inode.mode & MODE_BITS & ~umask, parent.mode, isMember),
    owner: caller.user,
    group,
    size: inode.size ?? 0,
    atime: time.seconds,
    atimeNs: time.nanos,
    mtime: time.seconds,
    mtimeNs: time.nanos,
    ctime: time.seconds,
    ctimeNs: time.nanos,
    nlink: kind === KIND.directory ? 2 : 1,
    blockSize: inode.blockSize ?? 0,
    replication: inode.replication ?? 0,
    children: 0,
    flags: inode.flags ?? 0,
    generation,
    target: inode.target ?? '',
  }
}

export function alreadyExists(path: string): FsError {
  return new FsError('ALREADY_EXISTS', `${path} exists`, { path })
}
