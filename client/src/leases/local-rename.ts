/** Renaming within leased directories: what the namenode's `rename` does, on the overlay. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { parseInodePath } from '@hopbine/common/protocol/inode-path.ts'
import { RENAME, rename } from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import { EXECUTE, WRITE } from '@hopbine/common/rules/permission.ts'
import { Detour } from './detour.ts'
import { addName, alreadyExists, countEntry, dropName, setChanged } from './local-names.ts'
import {
  hindranceOf,
  type LocalCaller,
  type LocalPlace,
  type LocalState,
  notFound,
  placeOf,
  queueStep,
  requireRemovable,
  requireRight,
} from './local-state.ts'
import type { StepTime } from './operation-queue.ts'
import type { LocalDirectory, LocalInode } from './overlay.ts'

type Place = LocalPlace & { readonly inode: LocalInode }

export function localRename(
  state: LocalState,
  request: RequestOf<typeof rename>,
  caller: LocalCaller,
): ResponseOf<typeof rename> | Detour {
  const { from, to, mode, keepOpen = [] } = request
  if (mode > RENAME.exchange) return Detour.forward
  const places = bothPlaces(state, from, to, caller)
  if (places instanceof Detour) return places
  const [source, target] = places
  if (source.inode === undefined) throw notFound(from)
  for (const inode of [source.inode, target.inode]) {
    if (inode === undefined) continue
    const detour = inode.isCovered ? hindranceOf(state, inode, 'change') : Detour.forward
    if (detour !== undefined) return detour
  }
  const moved: Place = { ...source, inode: source.inode }
  // What is wrong with the new name is only asked of what does not come below itself.
  if (!requireMovable(moved, target.directory, caller)) return Detour.forward
  if (mode === RENAME.exchange) return exchange(state, request, moved, target, caller)
  const existing = target.inode
  if (existing === undefined) {
    requireRight(target.directory.status, caller, WRITE | EXECUTE)
  } else {
    if (mode === RENAME.noReplace) throw alreadyExists(to)
    if (existing === moved.inode) return {}
    requireReplaceable(moved.inode, existing, target.directory, caller)
  }
  // What changes a quota's count is the namenode's to decide.
  if (moved.directory.quotaRoot !== target.directory.quotaRoot) return Detour.forward
  return move(state, request, moved, target, keepOpen, caller)
}

/** Both directories are asked for together where they are not leased. */
function bothPlaces(
  state: LocalState,
  from: string,
  to: string,
  caller: LocalCaller,
): readonly [LocalPlace, LocalPlace] | Detour {
  const ids = [from, to].map(path => parseInodePath(path)?.id)
  const missing = ids.filter(id => id !== undefined && !state.overlay.directories.has(id))
  if (missing.length > 0) return Detour.lease([...new Set(missing as number[])])
  const source = placeOf(state, from, caller, 'change')
  if (source instanceof Detour) return source
  const target = placeOf(state, to, caller, 'change')
  return target instanceof Detour ? target : [source, target]
}

/** False when it is not known here whether a directory would come below itself. */
function requireMovable({ directory, inode }: Place, to: LocalDirectory, caller: LocalCaller): boolean {
  requireRemovable(directory, caller, inode.status.owner)
  if (!inode.isDirectory) return true
  const above = new Set(chainOf(directory))
  let isClear = false
  for (const at of chainOf(to)) {
    if (at.inode === inode) throw new FsError('INVALID_ARGUMENT', 'a directory cannot move below itself')
    isClear ||= above.has(at)
  }
  // A directory that gets another parent changes its `..`.
  if (directory !== to) requireRight(inode.status, caller, WRITE)
  return isClear
}

/** A directory and those above it, as far as they are leased. */
function chainOf(directory: LocalDirectory): LocalDirectory[] {
  const chain: LocalDirectory[] = []
  for (let at: LocalDirectory | undefined = directory; at !== undefined; at = at.parent) chain.push(at)
  return chain
}

/** Directory onto empty directory, other onto other. */
function requireReplaceable(
  source: LocalInode,
  existing: LocalInode,
  directory: LocalDirectory,
  caller: LocalCaller,
): void {
  if (existing.isDirectory) {
    if (!source.isDirectory) throw new FsError('IS_A_DIRECTORY', 'the new name is a directory')
    if (existing.status.children > 0) throw new FsError('NOT_EMPTY')
  } else if (source.isDirectory) {
    throw new FsError('NOT_A_DIRECTORY', 'the new name is not a directory')
  }
  requireRemovable(directory, caller, existing.status.owner)
}

function move(
  state: LocalState,
  request: RequestOf<typeof rename>,
  source: Place,
  target: LocalPlace,
  keepOpen: readonly number[],
  caller: LocalCaller,
): ResponseOf<typeof rename> {
  const existing = target.inode
  const isKept =
    existing !== undefined &&
    !existing.isDirectory &&
    existing.status.nlink === 1 &&
    keepOpen.includes(existing.id)
  const time = state.time()
  queueRename(state, request, source, target, caller, time)
  if (existing !== undefined) dropName(state, target.directory, target.name, existing, time, isKept)
  takeOut(state, source, time)
  putIn(state, target, source.inode, time)
  return isKept ? { kept: [existing.id] } : {}
}

function exchange(
  state: LocalState,
  request: RequestOf<typeof rename>,
  source: Place,
  target: LocalPlace,
  caller: LocalCaller,
): ResponseOf<typeof rename> | Detour {
  if (target.inode === undefined) throw notFound(request.to)
  const other: Place = { ...target, inode: target.inode }
  if (other.inode === source.inode) return {}
  if (!requireMovable(other, source.directory, caller)) return Detour.forward
  if (source.directory.quotaRoot !== target.directory.quotaRoot) return Detour.forward
  const time = state.time()
  queueRename(state, request, source, target, caller, time)
  takeOut(state, source, time)
  takeOut(state, other, time)
  putIn(state, target, source.inode, time)
  putIn(state, source, other.inode, time)
  return {}
}

function queueRename(
  state: LocalState,
  request: RequestOf<typeof rename>,
  source: Place,
  target: LocalPlace,
  caller: LocalCaller,
  time: StepTime,
): void {
  const about = [source.inode, source.directory.inode, target.directory.inode]
  if (target.inode !== undefined) about.push(target.inode)
  queueStep(state, { method: rename, request, caller, time, about })
  source.inode.own = undefined
  if (target.inode !== undefined) target.inode.own = undefined
  if (source.inode.isDirectory || target.inode?.isDirectory) state.overlay.reachEpoch += 1
}

/** The inode stays known while it has no name. */
function takeOut(state: LocalState, { directory, name, inode }: Place, time: StepTime): void {
  state.overlay.take(directory, name, true)
  countEntry(directory, -1, inode, time)
}

function putIn(state: LocalState, place: LocalPlace, inode: LocalInode, time: StepTime): void {
  addName(state, place, inode, time)
  setChanged(inode.status, time)
}
