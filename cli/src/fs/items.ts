/**
 * Paths of the filesystem as a command works on them: as the user wrote them, resolved, with what is there.
 * Arguments are expanded here; a tree is walked here.
 */
import { isPattern } from '@hopbine/client/fs/glob.ts'
import { type FileStatus, type FileSystem, isFsError } from '@hopbine/client/index.ts'
import type { ShellCall } from './call.ts'
import { PathError } from './path-error.ts'

export interface Item {
  /** As messages and listings show it: relative if it was given so. */
  readonly text: string
  /** Absolute. */
  readonly path: string
  /** Undefined: nothing is there. */
  readonly status: FileStatus | undefined
}

/** An item that is there. */
export interface FoundItem extends Item {
  readonly status: FileStatus
}

export interface ExpandOptions {
  /** False: a symbolic link stands for itself. Default true. */
  readonly followLast?: boolean
}

/** What one argument stands for: each match of a pattern, else the one path, there or not. */
export async function expand(call: ShellCall, text: string, options: ExpandOptions = {}): Promise<Item[]> {
  const items: Item[] = []
  if (isPattern(text)) {
    for await (const status of call.fs.glob(text, { signal: call.signal })) {
      items.push(await matched(call, text, status, options))
    }
  }
  // A pattern that matches nothing stands for the path of that name.
  return items.length > 0 ? items : [await lookUp(call.fs, text.replaceAll(/\\(.)/g, '$1'), options)]
}

async function matched(
  call: ShellCall,
  pattern: string,
  status: FileStatus,
  options: ExpandOptions,
): Promise<Item> {
  const { path } = status
  const home = `${call.fs.homeDirectory}/`
  const text = !pattern.startsWith('/') && path.startsWith(home) ? path.slice(home.length) : path
  const follow = status.isSymlink() && options.followLast !== false
  return { text, path, status: follow ? await statusOf(call.fs, path, options) : status }
}

/** Runs `work` for everything the arguments stand for, telling what is missing or fails. */
export async function forEachItem(
  call: ShellCall,
  args: readonly string[],
  work: (item: FoundItem) => Promise<void>,
  options: ExpandOptions = {},
): Promise<void> {
  for (const arg of args) {
    await call.attempt(arg, async () => {
      for (const item of await expand(call, arg, options)) {
        await call.attempt(item.text, () => work(found(item)))
      }
    })
  }
}

/** The item itself if something is there. Throws PathError. */
export function found(item: Item): FoundItem {
  const { status } = item
  if (status === undefined) throw PathError.missing(item.text)
  return { ...item, status }
}

export async function lookUp(fs: FileSystem, text: string, options: ExpandOptions = {}): Promise<Item> {
  const path = fs.resolve(text)
  return { text, path, status: await statusOf(fs, path, options) }
}

/** An entry of a directory item. */
export function childOf(parent: Item, status: FileStatus): FoundItem {
  return { text: joinText(parent.text, status.name), path: status.path, status }
}

/** The item of a name in a directory, whatever is there. */
export async function childNamed(fs: FileSystem, parent: Item, name: string): Promise<Item> {
  return lookUp(fs, joinText(parent.text, name))
}

/** The text of an entry; what lies in `.` goes by its name alone, as in Hadoop. */
export function joinText(parent: string, name: string): string {
  if (parent === '.') return name
  return parent.endsWith('/') ? parent + name : `${parent}/${name}`
}

/**
 * The item and everything below, parents before their entries. A directory that cannot be read is told to
 * `call` and the walk goes on.
 */
export async function* walkItems(call: ShellCall, item: FoundItem): AsyncGenerator<FoundItem> {
  yield item
  if (!item.status.isDirectory()) return
  const entries = call.fs.listStatus(item.path, { signal: call.signal })
  for (;;) {
    const step = await entries.next().catch((error: unknown) => {
      call.fail(error, item.text)
      return { done: true, value: undefined } as const
    })
    if (step.done === true) return
    yield* walkItems(call, childOf(item, step.value))
  }
}

async function statusOf(
  fs: FileSystem,
  path: string,
  options: ExpandOptions,
): Promise<FileStatus | undefined> {
  try {
    return await fs.getFileStatus(path, options)
  } catch (error) {
    if (isFsError(error, 'NOT_FOUND') || isFsError(error, 'NOT_A_DIRECTORY')) return undefined
    throw error
  }
}
