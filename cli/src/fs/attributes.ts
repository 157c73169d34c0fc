/** `-truncate` and `-setrep`: the length of files and the number of their copies. */
import { REPLICATION_MAX } from '@hopbine/common/base/limits.ts'
import { wrong } from './arguments.ts'
import { type FsCommand, MANY } from './command.ts'
import { forEachItem } from './items.ts'
import { PathError, ShellError } from './path-error.ts'
import { changeAll } from './permissions.ts'

const truncate: FsCommand = {
  name: 'truncate',
  usage: '[-w] <length> <path> ...',
  sentence: 'Cuts files to a length in bytes.',
  flags: [{ name: 'w', sentence: 'Wait until it is done; it always is at once.' }],
  arguments: [2, MANY],
  printsJson: true,
  async run(call) {
    const [text = '', ...paths] = call.args
    const length = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (!Number.isSafeInteger(length)) throw wrong(`Illegal length, a non-negative integer expected: ${text}`)
    await forEachItem(call, paths, async item => {
      if (item.status.isDirectory()) throw PathError.isDirectory(item.text)
      if (length > item.status.size) {
        const sizes = `Current size: ${item.status.size}, truncate size: ${length}`
        throw new ShellError(`Cannot truncate to a larger file size. ${sizes}`)
      }
      await call.fs.truncate(item.path, length)
      if (call.json) await call.out.json({ path: item.path, size: length })
      else await call.out.line(`Truncated ${item.text} to length: ${length}`)
    })
  },
}

const setrep: FsCommand = {
  name: 'setrep',
  usage: '[-R] [-w] <rep> <path> ...',
  sentence: 'Sets how many copies of each block of a file there are; below a directory, for all its files.',
  flags: [
    { name: 'R', sentence: 'Accepted for compatibility: directories are always worked through.' },
    { name: 'w', sentence: 'Accepted for compatibility: the new number holds at once, copying goes on.' },
  ],
  arguments: [2, MANY],
  printsJson: true,
  async run(call) {
    const [text = '', ...paths] = call.args
    const copies = /^\d+$/.test(text) ? Number(text) : 0
    if (copies < 1) throw wrong('Illegal replication, a positive integer expected')
    if (copies > REPLICATION_MAX) throw wrong(`replication must be at most ${REPLICATION_MAX}`)
    await changeAll(
      call,
      paths,
      async item => {
        if (!item.status.isFile()) return
        await call.fs.setReplication(item.path, copies)
        if (call.json) await call.out.json({ path: item.path, replication: copies })
        else await call.out.line(`Replication ${copies} set: ${item.text}`)
      },
      true,
    )
  },
}

export const commands = [truncate, setrep]
