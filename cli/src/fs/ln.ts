/** `-ln`: makes symbolic links. */
import { baseName } from '@hopbine/client/fs/paths.ts'
import { wrong } from './arguments.ts'
import type { FsCommand } from './command.ts'
import { placeIn } from './destination.ts'
import { lookUp } from './items.ts'
import { PathError } from './path-error.ts'

const ln: FsCommand = {
  name: 'ln',
  usage: '-s [-f] <target> <link>',
  sentence: 'Makes a symbolic link; the target is kept as it is written and need not be there.',
  flags: [
    { name: 's', sentence: 'Symbolic; the only kind there is so far.' },
    { name: 'f', sentence: 'Replace a link or file of that name.' },
  ],
  arguments: [2, 2],
  printsJson: false,
  async run(call) {
    if (!call.has('s')) throw wrong('hard links are not supported: give -s for a symbolic link')
    const [target = '', text = ''] = call.args
    await call.attempt(text, async () => {
      const there = await lookUp(call.fs, text)
      const link = there.status?.isDirectory() === true ? placeIn(there, baseName(target)) : there
      const taken = await lookUp(call.fs, link.text, { followLast: false })
      if (taken.status !== undefined) {
        if (!call.has('f')) throw PathError.exists(link.text)
        await call.fs.delete(link.path, { only: 'file' })
      }
      await call.fs.createSymlink(target, link.path)
    })
  },
}

export const commands = [ln]
