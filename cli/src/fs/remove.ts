/** `-rm`, `-rmdir` and `-expunge`: removes files and directories, by way of the trash where there is one. */
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { expand, type FoundItem, forEachItem } from './items.ts'
import { PathError } from './path-error.ts'
import { TRASH_KEEP_MS, Trash } from './trash.ts'

const rm: FsCommand = {
  name: 'rm',
  usage: '[-f] [-r|-R] [-skipTrash] <src> ...',
  sentence: 'Moves files, and with -r directories, to the trash of your home directory.',
  flags: [
    { name: 'f', sentence: 'No error for what is not there.' },
    { name: 'r', sentence: 'Remove directories with everything in them.' },
    { name: 'R', sentence: 'Same as -r.' },
    { name: 'skipTrash', sentence: 'Remove at once and for good.' },
  ],
  arguments: [1, MANY],
  printsJson: true,
  async run(call) {
    const trash = new Trash(call.fs)
    for (const arg of call.args) {
      await call.attempt(arg, async () => {
        for (const item of await expand(call, arg, { followLast: false })) {
          const { status } = item
          if (status !== undefined)
            await call.attempt(item.text, () => remove(call, trash, { ...item, status }))
          else if (!call.has('f')) throw PathError.missing(item.text)
        }
      })
    }
  },
}

async function remove(call: ShellCall, trash: Trash, item: FoundItem): Promise<void> {
  if (item.status.isDirectory() && !call.has('r', 'R')) throw PathError.isDirectory(item.text)
  const place = call.has('skipTrash') ? undefined : await trash.moveIn(item.path)
  if (place === undefined) await call.fs.delete(item.path, { recursive: item.status.isDirectory() })
  if (call.json) await call.out.json({ path: item.path, ...(place === undefined ? {} : { trash: place }) })
  else if (place === undefined) await call.out.line(`Deleted ${item.text}`)
  else call.note(`Moved: '${item.path}' to trash at: ${place}`)
}

const rmdir: FsCommand = {
  name: 'rmdir',
  usage: '[--ignore-fail-on-non-empty] <dir> ...',
  sentence: 'Removes empty directories, for good.',
  flags: [{ name: '-ignore-fail-on-non-empty', sentence: 'No error for a directory that is not empty.' }],
  arguments: [1, MANY],
  printsJson: false,
  async run(call) {
    await forEachItem(
      call,
      call.args,
      async item => {
        if (!item.status.isDirectory()) throw PathError.notDirectory(item.text)
        if (item.status.children > 0 && call.has('-ignore-fail-on-non-empty')) return
        await call.fs.delete(item.path, { only: 'directory' })
      },
      { followLast: false },
    )
  },
}

const expunge: FsCommand = {
  name: 'expunge',
  usage: '[-immediate]',
  sentence: 'Makes a checkpoint of your trash and drops checkpoints older than 24 hours.',
  flags: [{ name: 'immediate', sentence: 'Empty the trash now.' }],
  arguments: [0, 0],
  printsJson: false,
  async run(call) {
    const keepMs = call.has('immediate') ? 0 : TRASH_KEEP_MS
    await new Trash(call.fs).expunge(new Date(), keepMs, what => call.note(what))
  },
}

export const commands = [rm, rmdir, expunge]
