/** Missing directories on the way to a path, for operations that make them. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { INODE_PREFIX } from '@hopbine/common/protocol/inode-path.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { EXECUTE } from '@hopbine/common/rules/permission.ts'
import type { CommandContext, Tx } from '../store/tx.ts'
import { addInode } from './entries.ts'
import { findEntry } from './links.ts'
import { checkName, checkPath } from './names.ts'
import { type Caller, requireDirectoryAccess } from './permission.ts'
import { resolvePlace, resolveTarget } from './resolve.ts'

/**
 * A directory that is made on the way must be enterable and writable by its owner (as Hadoop's mkdirs does).
 */
const PARENT_MODE = 0o300

export interface Missing {
  /** Slot of the deepest directory that exists on the way. */
  readonly parent: number
  /** Directories to make below it, outermost first. */
  readonly names: readonly string[]
  /** Last component; '' for the root. */
  readonly last: string
}

/** Throws NOT_A_DIRECTORY when something else is in the way. */
export function missingParents(tx: Tx, caller: Caller, path: string): Missing {
  checkPath(path)
  const start = path.startsWith(INODE_PREFIX) ? endOfInode(path) : 0
  if (start === path.length || path === '/') {
    const place = resolvePlace(tx, caller, path)
    return { parent: place.parent, names: [], last: place.name }
  }
  const base = path.slice(0, start)
  const components = path.slice(start + 1).split('/')
  components.forEach(checkName)
  let parent = directoryAt(tx, caller, base === '' ? '/' : base)
  for (let depth = 0; depth < components.length - 1; depth++) {
    requireDirectoryAccess(tx, caller, parent, EXECUTE)
    const name = components[depth] as string
    const next = step(tx, caller, parent, name, () => `${base}/${components.slice(0, depth + 1).join('/')}`)
    if (next < 0) return { parent, names: components.slice(depth, -1), last: components.at(-1) as string }
    parent = next
  }
  requireDirectoryAccess(tx, caller, parent, EXECUTE)
  return { parent, names: [], last: components.at(-1) as string }
}

/** Where the first name after `/.reserved/.inodes/ID` begins with its slash. */
function endOfInode(path: string): number {
  const end = path.indexOf('/', INODE_PREFIX.length)
  return end < 0 ? path.length : end
}

function directoryAt(tx: Tx, caller: Caller, path: string): number {
  const target = resolveTarget(tx, caller, path, true)
  if (target.row !== undefined) throw new FsError('NOT_A_DIRECTORY', `${path} is not a directory`, { path })
  return target.slot
}

/**
 * Slot of the directory called `name` below `parent`, through a link if it is one; -1 when nothing is there.
 */
function step(tx: Tx, caller: Caller, parent: number, name: string, pathOf: () => string): number {
  const slot = tx.directories.find(parent, name)
  if (slot >= 0) return slot
  const row = findEntry(tx, tx.directories.id[parent] as number, name)
  if (row === undefined) return -1
  const path = pathOf()
  if (row.kind === KIND.symlink) return directoryAt(tx, caller, path)
  throw new FsError('NOT_A_DIRECTORY', `${path} is not a directory`, { path })
}

/**
 * Makes the missing directories with ids from `firstId` on; returns the slot of the last. Checks are done.
 */
export function makeParents(
  tx: Tx,
  context: CommandContext,
  missing: Missing,
  mode: number,
  umask: number,
  firstId: number,
): number {
  let { parent } = missing
  missing.names.forEach((name, depth) => {
    const { parentId, id, kind } = addInode(tx, context, parent, {
      id: firstId + depth,
      name,
      kind: KIND.directory,
      mode: (mode & 0o777) | PARENT_MODE,
      umask: umask & ~PARENT_MODE,
    })
    tx.changed(context, { what: 'mkdir', inodeId: id, parentId, name, kind })
    parent = tx.directories.slotOf(id)
  })
  return parent
}
