/**
 * Reads the words after a command of `hopbine fs` as Hadoop does: flags first, the first other word ends
 * them.
 */
import { EXIT, UsageError } from '../exit.ts'
import type { FsCommand } from './command.ts'

export interface FsArguments {
  readonly flags: Map<string, string>
  readonly args: string[]
}

/** Flags that every command has, beside its own. */
const GENERAL: Readonly<Record<string, string | undefined>> = {
  '--json': undefined,
  '--help': undefined,
  '--home': 'DIR',
  '--user': 'NAME',
}

export function readArguments(command: FsCommand, words: readonly string[]): FsArguments {
  const flags = new Map<string, string>()
  let position = 0
  for (; position < words.length; position++) {
    const word = words[position] as string
    if (word === '--') {
      position += 1
      break
    }
    if (!word.startsWith('-') || word === '-') break
    const value = flagValue(command, word)
    if (value === undefined) flags.set(word.slice(1), '')
    else {
      position += 1
      const given = words[position]
      if (given === undefined) throw wrong(`option ${word} requires 1 argument`)
      flags.set(word.slice(1), given)
    }
  }
  const args = words.slice(position)
  if (!flags.has('-help')) checkCount(command, args.length)
  return { flags, args }
}

/**
 * What stands for the flag's value, undefined where it has none. Throws for a flag that the command does
 * not have.
 */
function flagValue(command: FsCommand, word: string): string | undefined {
  const flag = command.flags.find(candidate => `-${candidate.name}` === word)
  if (flag !== undefined) return flag.value
  const isGeneral = Object.hasOwn(GENERAL, word) && (word !== '--json' || command.printsJson)
  if (!isGeneral) throw wrong(`Illegal option ${word}`)
  return GENERAL[word]
}

function checkCount(command: FsCommand, count: number): void {
  const [least, most] = command.arguments
  if (count < least) throw wrong(`Not enough arguments: expected ${least} but got ${count}`)
  if (count > most) throw wrong(`Too many arguments: expected ${most} but got ${count}`)
}

/** A wrong command line of this shell. */
export function wrong(message: string): UsageError {
  return new UsageError(message, EXIT.fsUsage)
}
