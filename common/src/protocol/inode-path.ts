/** Paths that begin at an inode instead of the root: `/.reserved/.inodes/ID[/NAME…]`. Pure. */

export const INODE_PREFIX = '/.reserved/.inodes/'

/** Where such a path leads: an inode, or a name in it. */
export interface InodePath {
  readonly id: number
  /** '' for the inode itself. */
  readonly name: string
}

/** The path that names an inode whatever its names are; it survives renames. */
export function inodePath(inodeId: number): string {
  return `${INODE_PREFIX}${inodeId}`
}

/** The parts of `/.reserved/.inodes/ID` or `/.reserved/.inodes/ID/NAME`; undefined for any other path. */
export function parseInodePath(path: string): InodePath | undefined {
  if (!path.startsWith(INODE_PREFIX)) return undefined
  const end = path.indexOf('/', INODE_PREFIX.length)
  const id = Number(path.slice(INODE_PREFIX.length, end < 0 ? undefined : end))
  const name = end < 0 ? '' : path.slice(end + 1)
  return Number.isSafeInteger(id) && !name.includes('/') ? { id, name } : undefined
}
