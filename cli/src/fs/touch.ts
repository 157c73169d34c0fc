/** `-touchz` and `-touch`: makes empty files and sets times. */
import { isFsError } from '@hopbine/client/index.ts'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { expand, type Item } from './items.ts'
import { PathError } from './path-error.ts'

const EMPTY = new Uint8Array()

const touchz: FsCommand = {
  name: 'touchz',
  usage: '<path> ...',
  sentence: 'Makes files without a byte; one that is there must be empty.',
  flags: [],
  arguments: [1, MANY],
  printsJson: false,
  async run(call) {
    await forEachName(call, call.args, async ({ status, text, path }) => {
      if (status?.isDirectory() === true) throw PathError.isDirectory(text)
      if (status !== undefined && status.size > 0) throw new PathError(text, 'Not a zero-length file')
      await makeEmpty(call, path)
    })
  },
}

const touch: FsCommand = {
  name: 'touch',
  usage: '[-a] [-m] [-t TIMESTAMP] [-c] <path> ...',
  sentence: 'Sets the times of files to now, and makes empty files where there are none.',
  flags: [
    { name: 'a', sentence: 'The time of the last read only.' },
    { name: 'm', sentence: 'The time of the last change only.' },
    { name: 't', value: 'TIMESTAMP', sentence: 'That time (yyyyMMdd:HHmmss) instead of now.' },
    { name: 'c', sentence: 'Make no files.' },
  ],
  arguments: [1, MANY],
  printsJson: false,
  async run(call) {
    const time = timeOf(call.value('t'))
    const both = call.has('a') === call.has('m')
    const times = {
      ...(both || call.has('a') ? { atime: time } : {}),
      ...(both || call.has('m') ? { mtime: time } : {}),
    }
    await forEachName(call, call.args, async ({ status, path }) => {
      if (status === undefined) {
        if (call.has('c')) return
        await makeEmpty(call, path)
        if (!call.has('t')) return
      }
      await call.fs.setTimes(path, times)
    })
  },
}

async function forEachName(
  call: ShellCall,
  args: readonly string[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (const arg of args) {
    await call.attempt(arg, async () => {
      for (const item of await expand(call, arg)) await call.attempt(item.text, () => work(item))
    })
  }
}

async function makeEmpty(call: ShellCall, path: string): Promise<void> {
  try {
    await call.fs.writeFile(path, EMPTY, { ...call.newFiles, createParents: false, overwrite: true })
  } catch (error) {
    // The parent that is not a directory reads as a missing path, as in Hadoop.
    throw isFsError(error, 'NOT_A_DIRECTORY') ? PathError.notDirectory(path) : error
  }
}

/** Milliseconds since 1970 of a Hadoop time stamp in local time; now without one. */
function timeOf(text: string | undefined): number {
  if (text === undefined) return Date.now()
  const parts = /^(\d{4})(\d\d)(\d\d):(\d\d)(\d\d)(\d\d)$/.exec(text)?.slice(1).map(Number)
  if (parts === undefined) throw wrong(`Unable to parse the specified timestamp "${text}"`)
  const [year = 0, month = 1, day = 1, hours = 0, minutes = 0, seconds = 0] = parts
  return new Date(year, month - 1, day, hours, minutes, seconds).getTime()
}

export const commands = [touchz, touch]
