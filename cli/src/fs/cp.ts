/** `-cp`: copies files and trees within the filesystem. A file appears whole or not at all. */
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { checkApart, destination, nameOf, placeIn } from './destination.ts'
import { childNamed, childOf, type FoundItem, found, type Item, lookUp } from './items.ts'
import { sourceItems } from './mv.ts'
import { PathError } from './path-error.ts'
import { putStream } from './put-file.ts'
import { TRANSFER_FLAGS, Transfer } from './transfer.ts'

const cp: FsCommand = {
  name: 'cp',
  usage: '[-f] [-p] [-d] [-t <n>] <src> ... <dst>',
  sentence: 'Copies files and directories; with several sources the destination must be a directory.',
  flags: [...TRANSFER_FLAGS, { name: 'd', sentence: 'Accepted for compatibility.' }],
  arguments: [2, MANY],
  printsJson: true,
  async run(call) {
    const sources = await sourceItems(call, call.args.slice(0, -1))
    const transfer = new Transfer(call)
    const place = await destination(call, call.args.at(-1) ?? '', sources.length, transfer.overwrite)
    for (const source of sources) {
      await call.attempt(source.text, async () => {
        const item = found(source)
        const target = await place.targetOf(nameOf(item))
        checkApart(item, target)
        await transfer.count(item.path)
        await transfer.run(() => copyTree(transfer, item, target, new Set()))
      })
    }
  },
}

export const commands = [cp]

/** `above`: the inodes of the directories on the way, so that a link back into them ends. */
async function copyTree(
  transfer: Transfer,
  item: FoundItem,
  target: Item,
  above: ReadonlySet<number>,
): Promise<void> {
  const { call } = transfer
  call.signal.throwIfAborted()
  const { status } = item
  if (status.isSymlink()) {
    const followed = found(await lookUp(call.fs, item.path))
    return copyTree(transfer, { ...followed, text: item.text }, target, above)
  }
  if (!status.isDirectory()) {
    return transfer.add(target.text, status.size, () => copyFile(transfer, item, target))
  }
  if (above.has(status.id)) throw new PathError(item.text, 'A symbolic link leads into itself')
  if (target.status !== undefined && !target.status.isDirectory()) throw PathError.notDirectory(target.text)
  const isNew = target.status === undefined
  if (isNew) await call.fs.mkdir(target.path, { signal: call.signal })
  for await (const entry of call.fs.listStatus(item.path, { signal: call.signal })) {
    const child = childOf(item, entry)
    await call.attempt(child.text, async () => {
      const to = isNew ? placeIn(target, entry.name) : await childNamed(call.fs, target, entry.name)
      await copyTree(transfer, child, to, new Set([...above, status.id]))
    })
  }
  if (transfer.preserve) await keepAttributes(call, item, target.path)
}

async function copyFile(transfer: Transfer, item: FoundItem, target: Item): Promise<void> {
  const { call, overwrite, progress } = transfer
  const { signal } = call
  if (!item.status.isFile()) throw new PathError(item.text, 'Is not a file or a directory')
  if (target.status?.isDirectory() === true) throw PathError.isDirectory(target.text)
  if (target.status !== undefined && !overwrite) throw PathError.exists(target.text)
  if (item.status.size <= INLINE_BYTES_MAX) {
    const content = await call.fs.readFile(item.path, { signal })
    await call.fs.writeFile(target.path, content, {
      ...call.newFiles,
      overwrite,
      createParents: false,
      signal,
    })
    progress.bytes += content.length
    await transfer.tell(item.path, target.path, content.length)
  } else await putStream(transfer, await call.fs.open(item.path, { signal }), target, item.path)
  if (transfer.preserve) await keepAttributes(call, item, target.path)
}

async function keepAttributes(call: ShellCall, { status }: FoundItem, path: string): Promise<void> {
  const { owner, group, mode, atime, mtime } = status
  if (call.fs.superuser) await call.fs.setOwner(path, { owner, group })
  await call.fs.setPermission(path, mode)
  await call.fs.setTimes(path, { atime, mtime })
}
