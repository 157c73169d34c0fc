/**
 * Turns the words after a command's name into what its `run` takes, with settings where the command has
 * them.
 */
import { UsageError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { readSettings } from '../home/settings.ts'
import type { Call, Command } from './command.ts'
import { usageLine } from './help.ts'
import { parseOptions } from './parse.ts'
import type { OptionRow } from './row.ts'

export function parseCommandLine(command: Command, args: readonly string[]): Call<readonly OptionRow[]> {
  const environment = process.env
  const first = parseOptions(command.options, args, { environment })
  const [least, most] = command.words
  const count = first.positionals.length
  if (count < least || count > most) {
    const what =
      count < least ? 'something is missing' : `${JSON.stringify(first.positionals[most])} is too much`
    throw new UsageError(`${what}; usage: ${usageLine(command)}`)
  }
  if (command.readsSettings !== true) return first
  const home = (first.values as Record<string, unknown>).home
  const file = readSettings(layoutOf(homeOf(typeof home === 'string' ? home : undefined)), command.options)
  return file === undefined ? first : parseOptions(command.options, args, { environment, file })
}
