/**
 * `-put`, `-copyFromLocal` and `-moveFromLocal`: copies files and trees of this machine into the
 * filesystem. A file appears whole or not at all: small ones are made by one call, large ones under another
 * name first.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { type Destination, destination, placeIn } from './destination.ts'
import { childNamed, type Item } from './items.ts'
import { FolderPath, type LocalItem, localEntries, localItem } from './local-tree.ts'
import { PathError } from './path-error.ts'
import { putFile, putStream } from './put-file.ts'
import { isEarlierCopy, RESUME_FLAG, TRANSFER_FLAGS, Transfer } from './transfer.ts'

const put: FsCommand = {
  name: 'put',
  usage: '[-f] [-p] [-r] [-l] [-d] [-t <n>] [--resume] <localsrc> ... [<dst>]',
  sentence: 'Copies files and folders of this machine into the filesystem; - reads standard input.',
  flags: [
    ...TRANSFER_FLAGS,
    RESUME_FLAG,
    { name: 'r', sentence: 'Accepted for compatibility: folders are always copied whole.' },
    { name: 'l', sentence: 'Keep one copy of each block only.' },
    { name: 'd', sentence: 'Accepted for compatibility.' },
  ],
  arguments: [1, MANY],
  printsJson: true,
  run: call => runPut(call, async () => undefined),
}

const copyFromLocal: FsCommand = { ...put, name: 'copyFromLocal', sentence: 'Same as -put.' }

const moveFromLocal: FsCommand = {
  ...put,
  name: 'moveFromLocal',
  sentence: 'Same as -put, and then removes each source that was copied without an error.',
  run: call => runPut(call, async source => rm(source.text, { recursive: true })),
}

export const commands = [put, copyFromLocal, moveFromLocal]

/** `after` is called for each source that was copied without an error. */
async function runPut(call: ShellCall, after: (source: LocalItem) => Promise<void>): Promise<void> {
  const texts = call.args.length === 1 ? call.args : call.args.slice(0, -1)
  const to = call.args.length === 1 ? '.' : (call.args.at(-1) ?? '.')
  const transfer = new Transfer(call)
  if (texts.length === 1 && texts[0] === '-') return putStandardInput(transfer, to)
  const sources: LocalItem[] = []
  for (const text of texts) {
    await call.attempt(text, async () => {
      sources.push(await localItem(text))
    })
  }
  if (sources.length === 0) return
  const mayReplace = transfer.overwrite || transfer.isResuming
  const place = await destination(call, to, texts.length, mayReplace)
  for (const source of sources) {
    const failures = call.failures
    await transfer.run(() => putSource(transfer, source, place))
    if (call.failures === failures) await call.attempt(source.text, () => after(source))
  }
}

async function putStandardInput(transfer: Transfer, to: string): Promise<void> {
  const { call } = transfer
  const place = await destination(call, to, 1, transfer.overwrite)
  const { status, text } = place.item
  if (status?.isDirectory() === true) throw PathError.isDirectory(text)
  await call.attempt(text, () => putStream(transfer, process.stdin, place.item))
}

async function putSource(transfer: Transfer, source: LocalItem, place: Destination): Promise<void> {
  const { call, progress } = transfer
  await call.attempt(source.text, async () => {
    if (process.stderr.isTTY) {
      // Counts beside the copying; it only serves the display.
      const counting = countTree(transfer, source).then(() => {
        progress.isCounted = true
      })
      counting.catch((error: unknown) => call.note(`cannot count ${source.text}: ${String(error)}`))
    }
    await putTree(transfer, source, await targetOf(transfer, source, place), new FolderPath())
  })
}

/** The place of a source; a run that goes on finds the folder that the run before made by its content. */
async function targetOf(transfer: Transfer, source: LocalItem, place: Destination): Promise<Item> {
  const target = await place.targetOf(source.name)
  const mayBeEarlier = transfer.isResuming && source.isFolder && place.item.status?.isDirectory() === true
  if (!mayBeEarlier || target.status !== undefined) return target
  const { fs } = transfer.call
  const isEarlier = await isEarlierCopy(namesOf(fs.listStatus(place.item.path)), async name =>
    existsSync(join(source.text, name)),
  )
  return isEarlier ? place.item : target
}

async function* namesOf(entries: AsyncIterable<{ readonly name: string }>): AsyncGenerator<string> {
  for await (const { name } of entries) yield name
}

async function putTree(
  transfer: Transfer,
  source: LocalItem,
  target: Item,
  above: FolderPath,
): Promise<void> {
  const { call } = transfer
  call.signal.throwIfAborted()
  if (!source.isFolder) {
    await transfer.add(target.text, source.size, () => putFile(transfer, source, target))
    return
  }
  const path = await above.with(source)
  if (target.status !== undefined && !target.status.isDirectory()) throw PathError.notDirectory(target.text)
  const isNew = target.status === undefined
  if (isNew) await call.fs.mkdir(target.path, { signal: call.signal })
  for await (const entry of localEntries(call, source)) {
    await call.attempt(entry.text, async () => {
      // In a folder that was just made nothing needs to be looked up.
      const child = isNew ? placeIn(target, entry.name) : await childNamed(call.fs, target, entry.name)
      await putTree(transfer, entry, child, path)
    })
  }
  if (transfer.preserve) await keepAttributes(call, source, target)
}

async function keepAttributes(call: ShellCall, source: LocalItem, target: Item): Promise<void> {
  await call.fs.setPermission(target.path, source.mode)
  await call.fs.setTimes(target.path, { atime: source.atime, mtime: source.mtime })
}

async function countTree(transfer: Transfer, item: LocalItem): Promise<void> {
  const { call, progress } = transfer
  if (!item.isFolder) {
    progress.filesTotal += 1
    progress.bytesTotal += item.size
    return
  }
  for await (const entry of localEntries(call, item)) {
    if (call.signal.aborted) return
    await countTree(transfer, entry)
  }
}
