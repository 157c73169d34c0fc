/**
 * `-get` and `-copyToLocal`: copies files and trees to this machine. A file appears whole or not at all: it
 * is written under another name first. A symbolic link is copied as what it leads to.
 */
import { chmod, mkdir, opendir, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { joinPath } from '@hopbine/client/fs/paths.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { nameOf } from './destination.ts'
import { getFile } from './get-file.ts'
import { childOf, type FoundItem, found, lookUp } from './items.ts'
import { sourceItems } from './mv.ts'
import { PathError } from './path-error.ts'
import { isEarlierCopy, RESUME_FLAG, TRANSFER_FLAGS, Transfer } from './transfer.ts'

const get: FsCommand = {
  name: 'get',
  usage: '[-f] [-p] [-crc] [-ignoreCrc] [-t <n>] [--resume] <src> ... [<localdst>]',
  sentence: 'Copies files and directories to this machine; - writes to standard output.',
  flags: [
    ...TRANSFER_FLAGS,
    RESUME_FLAG,
    { name: 'crc', sentence: 'Accepted for compatibility: no checksum files are written.' },
    { name: 'ignoreCrc', sentence: 'Accepted for compatibility: checksums are always verified.' },
  ],
  arguments: [1, MANY],
  printsJson: true,
  async run(call) {
    const texts = call.args.length === 1 ? call.args : call.args.slice(0, -1)
    const to = call.args.length === 1 ? '.' : (call.args.at(-1) ?? '.')
    const sources = await sourceItems(call, texts)
    if (to === '-') return printAll(call, sources.map(found))
    const transfer = new Transfer(call)
    const isFolder = await checkTarget(transfer, to, sources.length)
    for (const source of sources) {
      await call.attempt(source.text, async () => {
        const item = found(source)
        await transfer.count(item.path)
        const target = isFolder ? await targetIn(transfer, item, to) : to
        await transfer.run(() => getTree(transfer, item, target, new Set()))
      })
    }
  },
}

const copyToLocal: FsCommand = { ...get, name: 'copyToLocal', sentence: 'Same as -get.' }

export const commands = [get, copyToLocal]

/** Whether the local target is a folder. Throws PathError where it cannot take the sources. */
async function checkTarget(transfer: Transfer, to: string, sources: number): Promise<boolean> {
  const there = await localStat(to)
  if (there?.isDirectory() === true) return true
  if (sources > 1) throw there === undefined ? PathError.missing(to) : PathError.notDirectory(to)
  if (there !== undefined && !transfer.overwrite && !transfer.isResuming) throw PathError.exists(to)
  const parent = join(to, '..')
  if (there === undefined && (to.endsWith('/') || (await localStat(parent)) === undefined)) {
    throw PathError.missing(to)
  }
  return false
}

/** The place of a source in a folder; a run that goes on finds what the run before made by its content. */
async function targetIn(transfer: Transfer, item: FoundItem, folder: string): Promise<string> {
  const target = join(folder, nameOf(item))
  const mayBeEarlier = transfer.isResuming && item.status.isDirectory()
  if (!mayBeEarlier || (await localStat(target)) !== undefined) return target
  const { fs } = transfer.call
  const isEarlier = await isEarlierCopy(namesIn(folder), name => fs.exists(joinPath(item.path, name)))
  return isEarlier ? folder : target
}

async function* namesIn(folder: string): AsyncGenerator<string> {
  for await (const { name } of await opendir(folder)) yield name
}

async function printAll(call: ShellCall, items: readonly FoundItem[]): Promise<void> {
  const { printFile } = await import('./cat.ts')
  for (const item of items) await call.attempt(item.text, () => printFile(call, item))
}

/** `above`: the inodes of the directories on the way, so that a link back into them ends. */
async function getTree(
  transfer: Transfer,
  item: FoundItem,
  target: string,
  above: ReadonlySet<number>,
): Promise<void> {
  const { call } = transfer
  call.signal.throwIfAborted()
  if (item.status.isSymlink()) {
    const followed = found(await lookUp(call.fs, item.path))
    return getTree(transfer, { ...followed, text: item.text }, target, above)
  }
  if (!item.status.isDirectory()) {
    if (!item.status.isFile()) throw new PathError(item.text, 'Is not a file or a directory')
    return transfer.add(target, item.status.size, () => getFile(transfer, item, target))
  }
  const { id, mode, atimeMs, mtimeMs } = item.status
  if (above.has(id)) throw new PathError(item.text, 'A symbolic link leads into itself')
  await makeFolder(target)
  for await (const entry of call.fs.listStatus(item.path, { signal: call.signal })) {
    const child = childOf(item, entry)
    await call.attempt(child.text, () =>
      getTree(transfer, child, join(target, entry.name), new Set([...above, id])),
    )
  }
  if (!transfer.preserve) return
  await chmod(target, mode)
  await utimes(target, atimeMs / 1000, mtimeMs / 1000)
}

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if ((await localStat(path))?.isDirectory() !== true) throw PathError.notDirectory(path)
  }
}

/** Undefined where nothing is. */
export async function localStat(path: string): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw error
  }
}
