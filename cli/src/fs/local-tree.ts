/**
 * Files and folders of this machine as sources of a copy. Symbolic links are followed, as Hadoop does; a
 * link back into its own parents, a device or a name that is no UTF-8 is told and left out.
 */
import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { opendir, stat } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import type { ShellCall } from './call.ts'
import { PathError } from './path-error.ts'

export interface LocalItem {
  /** As the user wrote it, with the names below. */
  readonly text: string
  readonly name: string
  readonly size: number
  readonly isFolder: boolean
  readonly mode: number
  readonly mtime: LocalTime
  readonly atime: LocalTime
}

export interface LocalTime {
  readonly seconds: number
  readonly nanos: number
}

/** What a local path is. Throws the system's error. */
export async function localItem(text: string): Promise<LocalItem> {
  const found = await stat(text, { bigint: true })
  if (!found.isFile() && !found.isDirectory()) throw new PathError(text, 'Is not a file or a directory')
  return itemOf(text, found)
}

function itemOf(text: string, found: BigIntStats): LocalItem {
  return {
    text,
    name: basename(resolve(text)),
    size: found.isDirectory() ? 0 : Number(found.size),
    isFolder: found.isDirectory(),
    mode: Number(found.mode & 0o7777n),
    mtime: timeOf(found.mtimeNs),
    atime: timeOf(found.atimeNs),
  }
}

/** Entries of a folder, in no order. What cannot be copied is told to `call`. */
export async function* localEntries(call: ShellCall, folder: LocalItem): AsyncGenerator<LocalItem> {
  // Latin-1 keeps every byte, so that a name can be checked before it is read as UTF-8.
  for await (const { name: bytes } of await opendir(folder.text, { encoding: 'latin1', bufferSize: 256 })) {
    const raw = Buffer.from(bytes, 'latin1')
    const text = join(folder.text, raw.toString())
    if (!isUtf8(raw)) call.fail(new PathError(text, 'The name is not valid UTF-8'))
    else {
      const item = await localItem(text).catch((error: unknown) => call.fail(error, text))
      if (item !== undefined) yield item
    }
  }
}

/** Tells a folder that lies in itself by way of a link: its identity and those of the folders above. */
export class FolderPath {
  readonly #identities: ReadonlySet<string>

  constructor(identities: ReadonlySet<string> = new Set()) {
    this.#identities = identities
  }

  /** The path with this folder at its end. Throws PathError for a loop. */
  async with(folder: LocalItem): Promise<FolderPath> {
    const { dev, ino } = await stat(folder.text, { bigint: true })
    const identity = `${dev}:${ino}`
    if (this.#identities.has(identity)) throw new PathError(folder.text, 'A symbolic link leads into itself')
    return new FolderPath(new Set([...this.#identities, identity]))
  }
}

function timeOf(ns: bigint): LocalTime {
  const seconds = ns / 1_000_000_000n
  return { seconds: Number(seconds), nanos: Number(ns - seconds * 1_000_000_000n) }
}

/** Whether one time is later than another. */
export function isLater(left: LocalTime, right: LocalTime): boolean {
  return left.seconds === right.seconds ? left.nanos > right.nanos : left.seconds > right.seconds
}
