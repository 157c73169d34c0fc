/** `-stat`: shows facts about a path in a format that the caller chooses. */
import { type FileStatus, millisecondsOf } from '@hopbine/client/fs/status.ts'
import { modeText, octalText } from '../output/modes.ts'
import { utcText } from '../output/times.ts'
import { wrong } from './arguments.ts'
import { type FsCommand, MANY } from './command.ts'
import { forEachItem } from './items.ts'
import { statusJson } from './status-json.ts'

const stat: FsCommand = {
  name: 'stat',
  usage: '[format] <path> ...',
  sentence: [
    'Shows facts in a format: %a %A permission as digits and letters, %b bytes, %F kind, %g group, %n name,',
    '%o block size, %r copies, %u owner, %x %X last read, %y %Y last change (UTC; milliseconds since 1970).',
    'The default is %y. A symbolic link stands for itself.',
  ].join(' '),
  flags: [],
  arguments: [1, MANY],
  printsJson: true,
  async run(call) {
    const [first = ''] = call.args
    const hasFormat = first.includes('%')
    const paths = hasFormat ? call.args.slice(1) : call.args
    if (paths.length === 0) throw wrong('Not enough arguments: expected 1 but got 0')
    const format = hasFormat ? first : '%y'
    await forEachItem(
      call,
      paths,
      async item => {
        if (call.json) await call.out.json(statusJson(item.status))
        else await call.out.line(formatStatus(format, item.status))
      },
      { followLast: false },
    )
  },
}

export const commands = [stat]

const KINDS: Readonly<Record<string, string>> = {
  file: 'regular file',
  symlink: 'symbolic link',
  'block-device': 'block special file',
  'char-device': 'character special file',
}

const FACTS: Readonly<Record<string, (status: FileStatus) => string>> = {
  a: status => octalText(status.mode),
  A: status => modeText(status.mode),
  b: status => String(status.size),
  F: status => KINDS[status.kindName] ?? status.kindName,
  g: status => status.group,
  n: status => status.name,
  o: status => String(status.blockSize),
  r: status => String(status.replication),
  u: status => status.owner,
  x: status => utcText(status.atime),
  X: status => String(Math.floor(millisecondsOf(status.atime))),
  y: status => utcText(status.mtime),
  Y: status => String(Math.floor(millisecondsOf(status.mtime))),
}

/** The format with each `%x` replaced; an unknown letter stands for itself, `%%` for a percent sign. */
export function formatStatus(format: string, status: FileStatus): string {
  return format.replaceAll(/%(.)/gsu, (_, letter: string) => FACTS[letter]?.(status) ?? letter)
}
