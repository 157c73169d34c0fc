/**
 * Opening, writing and closing small files: their content travels whole in the queue. A file that grows
 * beyond a small one is opened at the namenode, and written there.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { writeInline } from '@hopbine/common/protocol/directory-leases.ts'
import {
  type abandon,
  type addBlock,
  type append,
  type complete,
  create,
  type open,
  type truncate,
} from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, FLAG, KIND } from '@hopbine/common/protocol/types.ts'
import { READ, WRITE } from '@hopbine/common/rules/permission.ts'
import { Detour } from './detour.ts'
import { setChanged } from './local-names.ts'
import {
  hindranceOf,
  inodeOf,
  type LocalCaller,
  type LocalState,
  named,
  type Purpose,
  queueStep,
  requireRight,
} from './local-state.ts'
import type { StepTime } from './operation-queue.ts'
import type { LocalInode } from './overlay.ts'
import { chargeOf } from './quota-rooms.ts'
import { mayBeReadAhead } from './read-ahead.ts'

const NO_BYTES = new Uint8Array(0)

type StatusAnswer = { status: FileStatus }

export function localOpen(
  state: LocalState,
  request: RequestOf<typeof open>,
  caller: LocalCaller,
): ResponseOf<typeof open> | Detour {
  const { path, offset, length } = request
  if (offset < 0 || length < 0) throw new FsError('INVALID_ARGUMENT', `range ${offset}+${length}`)
  const inode = inodeOf(state, path, caller, 'look')
  if (inode instanceof Detour) return inode
  requireFile(inode, path)
  requireRight(inode.status, caller, READ)
  const content = inode.isOpenAtServer ? undefined : contentOf(inode)
  if (content === undefined) return elsewhereFor(inode)
  const inline = content.length > 0 ? content : undefined
  return { status: named(inode.status, ''), inline, extents: [], blocks: [] }
}

/** Who reads a second file of a directory is likely to read the next ones, too. */
function elsewhereFor(inode: LocalInode): Detour {
  const [directory] = inode.places
  const isSmall = (inode.status.flags & FLAG.inline) !== 0
  if (directory === undefined || !isSmall || !mayBeReadAhead(inode)) return Detour.forward
  directory.contentMisses += 1
  return directory.contentMisses > 1 ? Detour.content(inode.id) : Detour.forward
}

/** Takes the write lease, which nobody else can have while the file's directories are leased. */
export function localAppend(
  state: LocalState,
  { path }: RequestOf<typeof append>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const inode = inodeOf(state, path, caller, 'change')
  if (inode instanceof Detour) return inode
  requireFile(inode, path)
  requireRight(inode.status, caller, WRITE)
  if (inode.isOpenHere) throw new FsError('LEASE_CONFLICT', `inode ${inode.id} is open for writing here`)
  if (inode.isOpenAtServer) return Detour.forward
  const { size, flags } = inode.status
  const isSmall = size <= INLINE_BYTES_MAX && (size === 0 || (flags & FLAG.inline) !== 0)
  if (!isSmall) return Detour.forward
  inode.isOpenHere = true
  inode.status.flags |= FLAG.open
  inode.status.generation += 1
  return { status: named(inode.status, '') }
}

export function localTruncate(
  state: LocalState,
  { path, size }: RequestOf<typeof truncate>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  const inode = inodeOf(state, path, caller, 'change')
  if (inode instanceof Detour) return inode
  requireFile(inode, path)
  requireRight(inode.status, caller, WRITE)
  const isInline = inode.status.size === 0 || (inode.status.flags & FLAG.inline) !== 0
  const content = size === 0 && isInline ? NO_BYTES : contentOf(inode)
  if (inode.isOpenAtServer) return Detour.forward
  if (content === undefined || size < 0 || size > INLINE_BYTES_MAX) return elsewhere(inode)
  const detour = setContent(state, inode, resized(content, size))
  return detour ?? { status: named(inode.status, '') }
}

export function localComplete(
  state: LocalState,
  { inodeId, extents, size, inline }: RequestOf<typeof complete>,
): StatusAnswer | Detour {
  const inode = openHere(state, inodeId)
  if (inode instanceof Detour) return inode
  if (extents.length > 0) return Detour.upgrade(inodeId)
  if (inline !== undefined) {
    if (inline.length > INLINE_BYTES_MAX) return Detour.upgrade(inodeId)
    // The caller's memory may be used again.
    const detour = setContent(state, inode, Buffer.from(inline))
    if (detour !== undefined) return detour
  } else if (size !== inode.status.size) {
    const content = contentOf(inode)
    if (content === undefined || size > INLINE_BYTES_MAX) return Detour.upgrade(inodeId)
    const detour = setContent(state, inode, resized(content, size))
    if (detour !== undefined) return detour
  }
  if (!isOpenForWriting(state, inode)) state.queue.writeDown()
  close(inode)
  return { status: named(inode.status, '') }
}

/** A file that was made here stays, empty: the name was answered. */
export function localAbandon(
  state: LocalState,
  { inodeId }: RequestOf<typeof abandon>,
): Record<string, never> | Detour {
  // It changes nothing that anybody sees, so that a full disk is no hindrance.
  const inode = openHere(state, inodeId, 'look')
  if (inode instanceof Detour) return inode
  if (!isOpenForWriting(state, inode)) state.queue.writeDown()
  close(inode)
  return {}
}

/** Blocks are the namenode's: it must know that the file is open. */
export function localAddBlock(
  state: LocalState,
  { inodeId }: Pick<RequestOf<typeof addBlock>, 'inodeId'>,
): Detour {
  const inode = openHere(state, inodeId)
  return inode instanceof Detour ? inode : Detour.upgrade(inodeId)
}

function openHere(state: LocalState, inodeId: number, purpose: Purpose = 'change'): LocalInode | Detour {
  const inode = state.overlay.inodes.get(inodeId)
  if (inode === undefined) return Detour.forward
  const detour = hindranceOf(state, inode, purpose)
  if (detour !== undefined) return detour
  return inode.isOpenHere ? inode : Detour.forward
}

function isOpenForWriting(state: LocalState, inode: LocalInode): boolean {
  return state.isOpenForWriting?.(inode.id) === true
}

function close(inode: LocalInode): void {
  inode.isOpenHere = false
  inode.status.flags &= ~FLAG.open
}

function elsewhere(inode: LocalInode): Detour {
  return inode.isOpenHere ? Detour.upgrade(inode.id) : Detour.forward
}

/** The whole content, where it is known. */
function contentOf(inode: LocalInode): Uint8Array | undefined {
  return inode.status.size === 0 ? NO_BYTES : inode.content
}

/**
 * Gives a file its whole content, with the times of now. Nothing has changed where the answer is a detour:
 * there is no room for it that this mount knows of.
 */
function setContent(state: LocalState, inode: LocalInode, content: Uint8Array): Detour | undefined {
  const { status } = inode
  const time = state.time()
  if (status.nlink > 0) {
    const detour = queueContent(state, inode, content, time)
    if (detour !== undefined) return detour.kind === 'forward' ? elsewhere(inode) : detour
  }
  state.keepContent(inode, content)
  status.size = content.length
  if (content.length > 0) status.flags |= FLAG.inline
  else status.flags &= ~FLAG.inline
  status.mtime = time.seconds
  status.mtimeNs = time.nanos
  setChanged(status, time)
  return undefined
}

function queueContent(
  state: LocalState,
  inode: LocalInode,
  content: Uint8Array,
  time: StepTime,
): Detour | undefined {
  const { status, draft, places } = inode
  const quotaRoot = places[0]?.quotaRoot ?? 0
  // Several quotas count it: the namenode knows them all.
  if (places.some(place => place.quotaRoot !== quotaRoot)) return Detour.forward
  const bytesOf = (size: number): number => (content.length - size) * status.replication * places.length
  if (draft === undefined || !state.queue.isLast(draft.step)) {
    const charge = chargeOf(quotaRoot, 0, bytesOf(status.size))
    const detour = state.roomFor(charge)
    if (detour !== undefined) return detour
    const request = { inodeId: inode.id, inline: content }
    const caller = state.self
    const isOfOpenFile = isOpenForWriting(state, inode)
    const whole = { method: writeInline, request, caller, time, about: [inode], charge, isOfOpenFile }
    const step = queueStep(state, whole)
    inode.own?.push(step)
    inode.draft = { step, request: undefined, sizeBefore: status.size }
    return undefined
  }
  const { step, request, sizeBefore } = draft
  const charge = chargeOf(quotaRoot, request === undefined ? 0 : 1, bytesOf(sizeBefore))
  const detour = state.roomFor(charge, step.charge)
  if (detour !== undefined) return detour
  step.isOfOpenFile = isOpenForWriting(state, inode)
  if (request === undefined) {
    state.queue.amend(step, writeInline, { inodeId: inode.id, inline: content }, time, charge)
    return undefined
  }
  // It is made now, as far as the namenode will know, and so its directory changes now.
  state.queue.amend(step, create, { ...request, inline: content }, time, charge)
  status.atime = time.seconds
  status.atimeNs = time.nanos
  for (const { status: parent } of places) {
    parent.mtime = time.seconds
    parent.mtimeNs = time.nanos
    setChanged(parent, time)
  }
  return undefined
}

function resized(content: Uint8Array, size: number): Uint8Array {
  const whole = Buffer.alloc(size)
  whole.set(content.subarray(0, size))
  return whole
}

function requireFile(inode: LocalInode, path: string): void {
  if (inode.isDirectory) throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
  if (inode.status.kind === KIND.file) return
  throw new FsError('INVALID_ARGUMENT', `${path} is not a file`, { path })
}
