/** `-mkdir`: makes directories. */
import { parentPath } from '@hopbine/client/fs/paths.ts'
import { type FsCommand, MANY } from './command.ts'
import { expand } from './items.ts'
import { PathError } from './path-error.ts'

const mkdir: FsCommand = {
  name: 'mkdir',
  usage: '[-p] <path> ...',
  sentence: 'Makes directories.',
  flags: [{ name: 'p', sentence: 'Make missing ones above, too; no error if it is there already.' }],
  arguments: [1, MANY],
  printsJson: false,
  async run(call) {
    for (const arg of call.args) {
      await call.attempt(arg, async () => {
        for (const item of await expand(call, arg)) {
          if (item.status?.isDirectory() === true) {
            if (!call.has('p')) throw PathError.exists(item.text)
          } else if (item.status !== undefined) throw PathError.notDirectory(item.text)
          else if (call.has('p')) await call.fs.mkdirs(item.path)
          else {
            const parent = parentPath(item.path)
            if (!(await call.fs.exists(parent))) throw PathError.missing(parent)
            await call.fs.mkdir(item.path)
          }
        }
      })
    }
  },
}

export const commands = [mkdir]
