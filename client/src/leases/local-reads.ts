/** Questions about leased directories and what is in them, answered as the namenode would. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { LIST_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { parseInodePath } from '@hopbine/common/protocol/inode-path.ts'
import type {
  access,
  getXattr,
  list_,
  listXattrs,
  readlink,
  stat,
} from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, READ, WRITE } from '@hopbine/common/rules/permission.ts'
import { Detour } from './detour.ts'
import {
  enter,
  hindranceOf,
  inodeOf,
  type LocalCaller,
  type LocalState,
  named,
  placeOf,
  requireRight,
} from './local-state.ts'
import type { LocalInode } from './overlay.ts'

/** A page ends behind so many characters of names and targets, as the namenode's do. */
const PAGE_CHARACTERS_MAX = 1024 * 1024

type StatusAnswer = { status: FileStatus }

export function localStat(
  state: LocalState,
  { path, followLast }: RequestOf<typeof stat>,
  caller: LocalCaller,
): StatusAnswer | FsError | Detour {
  const parts = parseInodePath(path)
  if (parts === undefined) return Detour.forward
  if (parts.name === '') {
    const inode = inodeOf(state, path, caller, 'look')
    return inode instanceof Detour ? inode : { status: named(inode.status, '') }
  }
  const place = placeOf(state, path, caller, 'look')
  if (place instanceof Detour) return place
  const { inode, name } = place
  if (inode === undefined) return NOTHING_THERE
  if (!inode.isCovered || (followLast && inode.status.kind === KIND.symlink)) return Detour.forward
  return hindranceOf(state, inode, 'look') ?? { status: named(inode.status, name) }
}

export function localAccess(
  state: LocalState,
  { path, wanted }: RequestOf<typeof access>,
  caller: LocalCaller,
): StatusAnswer | Detour {
  if (wanted > (READ | WRITE | EXECUTE)) throw new FsError('INVALID_ARGUMENT', `access ${wanted} is unknown`)
  const inode = inodeOf(state, path, caller, 'look')
  if (inode instanceof Detour) return inode
  requireRight(inode.status, caller, wanted)
  return { status: named(inode.status, '') }
}

export function localList(
  state: LocalState,
  { path, after, max }: RequestOf<typeof list_>,
  caller: LocalCaller,
): ResponseOf<typeof list_> | Detour {
  const parts = parseInodePath(path)
  const directory = parts?.name === '' ? state.overlay.directories.get(parts.id) : undefined
  if (directory === undefined) return Detour.forward
  const detour = enter(state, directory, caller, 'look')
  if (detour !== undefined) return detour
  requireRight(directory.status, caller, READ | EXECUTE)
  const names = directory.sorted
  const limit = Math.min(max === 0 ? LIST_PAGE_MAX : max, LIST_PAGE_MAX)
  const start = after === '' ? 0 : behind(names, after)
  const entries: FileStatus[] = []
  for (
    let characters = 0;
    entries.length < limit && start + entries.length < names.length && characters < PAGE_CHARACTERS_MAX;
  ) {
    const name = names[start + entries.length] as string
    const inode = directory.entries.get(name) as LocalInode
    // Somebody may have changed it by another way.
    if (!inode.isCovered) return Detour.forward
    const { target, owner, group } = inode.status
    entries.push(named(inode.status, name))
    characters += name.length + target.length + owner.length + group.length
  }
  return { entries, more: start + entries.length < names.length }
}

export function localReadlink(
  state: LocalState,
  { path }: RequestOf<typeof readlink>,
  caller: LocalCaller,
): ResponseOf<typeof readlink> | Detour {
  const inode = inodeOf(state, path, caller, 'look')
  if (inode instanceof Detour) return inode
  if (inode.status.kind !== KIND.symlink) throw new FsError('INVALID_ARGUMENT', `${path} is not a link`)
  return { target: inode.status.target }
}

/** Whatever the right to see one: there is none. */
export function localGetXattr(
  state: LocalState,
  { path, name }: RequestOf<typeof getXattr>,
  caller: LocalCaller,
): Detour {
  const inode = inodeOf(state, path, caller, 'look')
  if (inode instanceof Detour) return inode
  // `user.` asks for rights and kinds first, and other names are refused for what they are.
  const isSure = name.startsWith('security.') || (caller.superuser && name.startsWith('trusted.'))
  if (!inode.isPlain || !isSure || name.includes('\0') || name.length > NAME_SURE_MAX) return Detour.forward
  throw NO_ATTRIBUTE
}

export function localListXattrs(
  state: LocalState,
  { path }: RequestOf<typeof listXattrs>,
  caller: LocalCaller,
): ResponseOf<typeof listXattrs> | Detour {
  const inode = inodeOf(state, path, caller, 'look')
  if (inode instanceof Detour) return inode
  return inode.isPlain ? { names: [], flags: inode.status.flags } : Detour.forward
}

/** Names beyond it may be too long to be any. */
const NAME_SURE_MAX = 64
// Most answers to a kernel that makes files are these two; an error with a stack costs more than the rest.
const NOTHING_THERE = new FsError('NOT_FOUND', 'no such file or directory')
const NO_ATTRIBUTE = new FsError('NO_ATTRIBUTE', 'there is no such attribute')

/** Index of the first name behind `after`. */
function behind(names: readonly string[], after: string): number {
  let low = 0
  let high = names.length
  const key = Buffer.from(after)
  while (low < high) {
    const middle = (low + high) >> 1
    if (Buffer.compare(Buffer.from(names[middle] as string), key) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
