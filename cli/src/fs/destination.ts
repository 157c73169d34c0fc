/**
 * Where the sources of `-mv`, `-cp` and `-put` go: one destination in the filesystem, which is a directory,
 * a file or nothing yet. The rules are Hadoop's.
 */
import { baseName, joinPath, parentPath } from '@hopbine/client/fs/paths.ts'
import type { ShellCall } from './call.ts'
import { expand, type Item, joinText, lookUp } from './items.ts'
import { PathError } from './path-error.ts'

export interface Destination {
  readonly item: Item
  /** The place of a source of that name. */
  targetOf(name: string): Promise<Item>
}

/**
 * Checks the destination for `sources` sources: many need a directory; one needs a directory, a free name
 * in one, or with `overwrite` a file. Throws PathError.
 */
export async function destination(
  call: ShellCall,
  text: string,
  sources: number,
  overwrite: boolean,
): Promise<Destination> {
  const matches = await expand(call, text)
  const [item] = matches
  if (item === undefined || matches.length > 1) throw new PathError(text, 'Too many matches')
  await check(call, item, sources, overwrite)
  const isFolder = item.status?.isDirectory() === true
  return {
    item,
    targetOf: async name => {
      if (!isFolder) return item
      return lookUp(call.fs, joinText(item.text, name))
    },
  }
}

async function check(call: ShellCall, item: Item, sources: number, overwrite: boolean): Promise<void> {
  const { status, text, path } = item
  if (sources > 1) {
    if (status === undefined) throw PathError.missing(text)
    if (!status.isDirectory()) throw PathError.notDirectory(text)
  } else if (status !== undefined) {
    if (!status.isDirectory() && !overwrite) throw PathError.exists(text)
  } else if (text.endsWith('/') || !(await call.fs.exists(parentPath(path)))) throw PathError.missing(text)
}

/** A source and its target that cannot be: the same, or the target within the source. Throws PathError. */
export function checkApart(source: Item, target: Item): void {
  if (source.path === target.path) throw new PathError(source.text, 'are identical', target.text)
  const prefix = source.path === '/' ? '/' : `${source.path}/`
  if (target.path.startsWith(prefix) && source.status?.isDirectory() === true) {
    throw new PathError(source.text, 'is a subdirectory of itself', target.text)
  }
}

/** The name of a path, or of what a relative path like `.` stands for. */
export function nameOf(item: Item): string {
  return baseName(item.path)
}

/** An entry that need not exist, below an item. */
export function placeIn(parent: Item, name: string): Item {
  return { text: joinText(parent.text, name), path: joinPath(parent.path, name), status: undefined }
}
