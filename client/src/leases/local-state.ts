/** What local operations work on, and the steps that all of them share: finding a place and its rights. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { parseInodePath } from '@hopbine/common/protocol/inode-path.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, FLAG } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { EXECUTE, grants, passesSticky, WRITE } from '@hopbine/common/rules/permission.ts'
import { checkedName } from '../fs/paths.ts'
import { Detour } from './detour.ts'
import type { OperationQueue, QueuedStep, StepTime } from './operation-queue.ts'
import type { LocalDirectory, LocalInode, Overlay } from './overlay.ts'
import type { Charge, Room } from './quota-rooms.ts'

/** Who asks; its identities are names. */
export interface LocalCaller extends Principal {
  /** The same for the same rights. */
  readonly key: string
}

/** Key of the mount itself. */
export const ROOT_CALLER_KEY = ''

export interface LocalState {
  /** The mount itself: what was opened with right is written in its name. */
  readonly self: LocalCaller
  readonly overlay: Overlay
  readonly queue: OperationQueue
  /**
   * Whether a program has it open for writing, so that its close is to come, which writes the journal.
   * Undefined: nobody tells, and everything is written at once.
   */
  readonly isOpenForWriting: ((inodeId: number) => boolean) | undefined
  /** Time of an operation that happens now; never before the one before. */
  time(): StepTime
  /** An inode id of a range of this queue; 0: there is none left. */
  takeId(): number
  /** Resolves when there are inode ids again. */
  untilIds(): Promise<void>
  /**
   * Undefined if so much may be added below a quota; else what to do first, and at last to ask the namenode.
   * `instead`: of what was charged before.
   */
  roomFor(charge: Charge | undefined, instead?: Room): Detour | undefined
  /** The whole content of a small file is this, for whoever reads it. */
  keepContent(inode: LocalInode, content: Uint8Array): void
  /**
   * Undefined, or what a change has to wait for: room in the queue, in the leases, or a namenode that takes
   * it. `isFreeing`: the change frees space, so a full disk is none.
   */
  hindrance(isFreeing: boolean): Promise<unknown> | undefined
}

/** What is to be done: nothing that anybody sees, a change, or one that frees space. */
export type Purpose = 'look' | 'change' | 'free'

/** A name in a leased directory. */
export interface LocalPlace {
  readonly directory: LocalDirectory
  readonly name: string
  /** What is there; undefined: nothing. */
  readonly inode: LocalInode | undefined
}

/** The place that a path names, whose directory the caller may search. */
export function placeOf(
  state: LocalState,
  path: string,
  caller: LocalCaller,
  purpose: Purpose,
): LocalPlace | Detour {
  const parts = parseInodePath(path)
  if (parts === undefined || parts.name === '') return Detour.forward
  const directory = state.overlay.directories.get(parts.id)
  if (directory === undefined) return purpose !== 'look' ? Detour.lease([parts.id]) : Detour.forward
  const detour = enter(state, directory, caller, purpose)
  if (detour !== undefined) return detour
  const name = checkedName(parts.name)
  return { directory, name, inode: directory.entries.get(name) }
}

/** Undefined when the caller may search the directory; ACCESS_DENIED if not. */
export function enter(
  state: LocalState,
  directory: LocalDirectory,
  caller: LocalCaller,
  purpose: Purpose,
): Detour | undefined {
  if (directory.blocked !== undefined) return Detour.wait(directory.blocked)
  if (purpose !== 'look') {
    const hindrance = state.hindrance(purpose === 'free')
    if (hindrance !== undefined) return Detour.wait(hindrance)
  }
  state.overlay.used(directory)
  return search(state, directory, caller)
}

function search(state: LocalState, directory: LocalDirectory, caller: LocalCaller): Detour | undefined {
  if (caller.superuser) return undefined
  if (isUndecidable(directory.status, caller)) return Detour.forward
  const detour = reach(state, directory, caller)
  if (detour !== undefined) return detour
  requireRight(directory.status, caller, EXECUTE)
  return undefined
}

/** Whether the caller may search every directory above. */
function reach(state: LocalState, directory: LocalDirectory, caller: LocalCaller): Detour | undefined {
  const { parent } = directory
  if (parent !== undefined) {
    if (parent.blocked !== undefined) return Detour.wait(parent.blocked)
    return search(state, parent, caller)
  }
  if (directory.reachEpoch !== state.overlay.reachEpoch) {
    directory.reach.clear()
    directory.reachEpoch = state.overlay.reachEpoch
  }
  const known = directory.reach.get(caller.key)
  if (known === undefined) return Detour.reach(directory.id)
  if (!known) throw new FsError('ACCESS_DENIED', 'no search permission on a directory above')
  return undefined
}

/** An inode named by its id, everything about which is known here, and which the caller can come to. */
export function inodeOf(
  state: LocalState,
  path: string,
  caller: LocalCaller,
  purpose: Purpose,
): LocalInode | Detour {
  const parts = parseInodePath(path)
  if (parts === undefined || parts.name !== '') return Detour.forward
  const inode = state.overlay.inodes.get(parts.id)
  if (inode === undefined || !inode.isCovered) return Detour.forward
  const detour = hindranceOf(state, inode, purpose) ?? approach(state, inode, caller)
  return detour ?? inode
}

/** What calls about an inode wait for. */
export function hindranceOf(state: LocalState, inode: LocalInode, purpose: Purpose): Detour | undefined {
  if (inode.busy !== undefined) return Detour.wait(inode.busy)
  const own = inode.directory?.blocked
  if (own !== undefined) return Detour.wait(own)
  for (const { blocked } of inode.places) if (blocked !== undefined) return Detour.wait(blocked)
  const hindrance = purpose === 'look' ? undefined : state.hindrance(purpose === 'free')
  return hindrance === undefined ? undefined : Detour.wait(hindrance)
}

function approach(state: LocalState, inode: LocalInode, caller: LocalCaller): Detour | undefined {
  if (caller.superuser) return undefined
  if (isUndecidable(inode.status, caller)) return Detour.forward
  if (inode.directory !== undefined) return reach(state, inode.directory, caller)
  let problem: unknown
  for (const place of inode.places) {
    try {
      return search(state, place, caller)
    } catch (error) {
      problem ??= error
    }
  }
  if (problem !== undefined) throw problem
  // Without a name: only who has it open comes here, in the name of the mount.
  return Detour.forward
}

/** Rights that bits alone do not tell. */
function isUndecidable(status: FileStatus, caller: LocalCaller): boolean {
  return (status.flags & FLAG.accessAcl) !== 0 && caller.user !== status.owner
}

export function requireRight(status: FileStatus, caller: LocalCaller, wanted: number): void {
  if (grants(caller, status.mode, status.owner, status.group, wanted)) return
  throw new FsError('ACCESS_DENIED', `no permission on ${status.name || `inode ${status.id}`}`)
}

/** Whether a name may be taken out of a directory. */
export function requireRemovable(directory: LocalDirectory, caller: LocalCaller, owner: string): void {
  const { status } = directory
  requireRight(status, caller, WRITE | EXECUTE)
  if (passesSticky(caller, status.mode, status.owner, owner)) return
  throw new FsError('NOT_PERMITTED', 'the directory is sticky: only the owner of an entry may remove it')
}

/** Queues an operation about these inodes; throws before anything changed if it cannot be written down. */
export function queueStep<Req>(
  state: LocalState,
  step: {
    readonly method: Method<Req, unknown>
    readonly request: Req
    readonly caller: LocalCaller
    readonly time: StepTime
    readonly inodeId?: number
    readonly about: readonly LocalInode[]
    readonly charge?: Charge | undefined
    /** It is about a file that is open for writing. */
    readonly isOfOpenFile?: boolean
  },
): QueuedStep {
  // Named one by one: a rest of them all costs as much as the operation.
  const { method, request, caller: principal, time, inodeId, charge, isOfOpenFile } = step
  const about = step.about.map(inode => inode.id)
  const next = { method, request, principal, time, about, charge }
  const queued = state.queue.add({ ...next, inodeId: inodeId ?? 0, isOfOpenFile: isOfOpenFile ?? false })
  for (const inode of step.about) inode.pending = queued.ticket
  return queued
}

/** The attributes under a name, as of now. */
export function named(status: FileStatus, name: string): FileStatus {
  return { ...status, name }
}

export function notFound(path: string): FsError {
  return new FsError('NOT_FOUND', `${path}: no such file or directory`, { path })
}
