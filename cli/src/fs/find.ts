/** `-find`: walks trees and prints the paths that an expression accepts. */
import { compileName, expandBraces } from '@hopbine/client/fs/glob.ts'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { type FoundItem, forEachItem, walkItems } from './items.ts'
import { statusJson } from './status-json.ts'

const find: FsCommand = {
  name: 'find',
  usage: '<path> ... <expression> ...',
  sentence: [
    'Prints the paths below each path that fit: -name PATTERN, -iname PATTERN (any case), -type d|f|l,',
    '-print, -print0 (ends with NUL); conditions that follow each other must all hold (-a, -and).',
  ].join(' '),
  flags: [],
  arguments: [0, MANY],
  printsJson: true,
  async run(call) {
    const { paths, conditions, end } = parseExpression(call.args)
    await forEachItem(
      call,
      paths,
      async item => {
        for await (const entry of walkItems(call, item)) {
          if (conditions.every(holds => holds(entry))) await print(call, entry, end)
        }
      },
      { followLast: false },
    )
  },
}

export const commands = [find]

type Condition = (item: FoundItem) => boolean

interface Expression {
  readonly paths: readonly string[]
  readonly conditions: readonly Condition[]
  /** What follows each path. */
  readonly end: '\n' | '\0'
}

const TYPES: Readonly<Record<string, string>> = { d: 'directory', f: 'file', l: 'symlink' }

export function parseExpression(args: readonly string[]): Expression {
  const start = args.findIndex(arg => arg.startsWith('-'))
  const paths = start < 0 ? args : args.slice(0, start)
  const conditions: Condition[] = []
  let end: Expression['end'] = '\n'
  const words = (start < 0 ? [] : args.slice(start)).values()
  for (const word of words) {
    if (word === '-print0') end = '\0'
    else if (word === '-name' || word === '-iname' || word === '-type') {
      const value = words.next().value
      if (value === undefined) throw wrong(`Not enough arguments for ${word}`)
      conditions.push(word === '-type' ? typeCondition(value) : nameCondition(value, word === '-iname'))
    } else if (!['-print', '-a', '-and'].includes(word)) throw wrong(`Unexpected argument: ${word}`)
  }
  return { paths: paths.length === 0 ? ['.'] : paths, conditions, end }
}

function nameCondition(pattern: string, anyCase: boolean): Condition {
  const fold = (text: string): string => (anyCase ? text.toLowerCase() : text)
  const parts = expandBraces(fold(pattern)).map(compileName)
  return ({ status }) => {
    const name = fold(status.name)
    return parts.some(part => ('name' in part ? part.name === name : part.matches.test(name)))
  }
}

function typeCondition(letter: string): Condition {
  const kind = TYPES[letter]
  if (kind === undefined) throw wrong(`Unknown type ${letter}: d, f or l expected`)
  return ({ status }) => status.kindName === kind
}

async function print(call: ShellCall, item: FoundItem, end: '\n' | '\0'): Promise<void> {
  if (call.json) await call.out.json(statusJson(item.status))
  else if (end === '\n') await call.out.line(item.text)
  else await call.out.text(`${item.text}\0`)
}
