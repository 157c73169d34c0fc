/**
 * `hopbine fs`: finds the command, reads its arguments, connects, runs it and answers Hadoop's exit codes.
 * It holds no command itself.
 */
import type { FileSystem } from '@hopbine/client/index.ts'
import { CommandError, EXIT, UsageError } from '../exit.ts'
import { connectHome } from '../home/connect.ts'
import { homeOf } from '../home/layout.ts'
import { Printer } from '../output/printer.ts'
import { readArguments, wrong } from './arguments.ts'
import { type CallParts, ShellCall } from './call.ts'
import type { FsCommand } from './command.ts'
import { type NewFiles, readProperty } from './properties.ts'
import { FAMILIES, findCommand } from './table.ts'

/** What may stand before the command, too. */
interface Leading {
  readonly flags: Map<string, string>
  readonly newFiles: NewFiles
  readonly rest: readonly string[]
}

export async function runShell(words: readonly string[]): Promise<number> {
  const { flags: leading, newFiles, rest } = readLeading(words)
  const [word, ...args] = rest
  if (word === undefined || word === '-help' || word === '-usage' || leading.has('-help')) {
    const { printHelp } = await import('./help.ts')
    return printHelp(word, args)
  }
  const command = await commandNamed(word)
  if (command === undefined) return printUnknown(word)
  let parsed: ReturnType<typeof readArguments>
  try {
    parsed = readArguments(command, args)
  } catch (error) {
    if (error instanceof UsageError) return printUsage(command, error)
    throw error
  }
  if (parsed.flags.has('-help')) {
    const { printHelp } = await import('./help.ts')
    return printHelp('-help', [command.name])
  }
  return connectAndRun(command, { ...parsed, flags: new Map([...leading, ...parsed.flags]), newFiles })
}

function readLeading(words: readonly string[]): Leading {
  const flags = new Map<string, string>()
  let newFiles: NewFiles = {}
  let position = 0
  for (; position < words.length; position++) {
    const word = words[position] as string
    if (word === '--json' || word === '--help') flags.set(word.slice(1), '')
    else if (word === '--home' || word === '--user' || word === '-D') {
      position += 1
      const value = words[position]
      if (value === undefined) throw wrong(`${word} needs a value`)
      if (word === '-D') newFiles = { ...newFiles, ...readProperty(value) }
      else flags.set(word.slice(1), value)
    } else if (/^-D[\w.-]+=/.test(word)) newFiles = { ...newFiles, ...readProperty(word.slice(2)) }
    else break
  }
  return { flags, newFiles, rest: words.slice(position) }
}

async function commandNamed(word: string): Promise<FsCommand | undefined> {
  return word.startsWith('-') ? findCommand(word.slice(1)) : undefined
}

async function printUnknown(word: string): Promise<number> {
  const known = FAMILIES.flatMap(family => family.names)
  const { nearest } = await import('../options/nearest.ts')
  const close = nearest(word.replace(/^-+/, ''), known)
  const hint = known.includes(word)
    ? `Did you mean -${word}?  This command begins with a dash.`
    : close === undefined
      ? 'hopbine fs -help lists the commands.'
      : `Did you mean -${close}?`
  process.stderr.write(`${word}: Unknown command\n${hint}\n`)
  return EXIT.fsUsage
}

function printUsage(command: FsCommand, error: UsageError): number {
  process.stderr.write(
    `-${command.name}: ${error.message}\nUsage: hopbine fs -${command.name} ${command.usage}\n`,
  )
  return error.exitCode
}

async function connectAndRun(
  command: FsCommand,
  given: Pick<CallParts, 'flags' | 'args' | 'newFiles'>,
): Promise<number> {
  const { flags } = given
  const interruption = new AbortController()
  const exitCode = catchSignals(interruption)
  const fs = await connect(flags)
  const { signal } = interruption
  const out = new Printer()
  const json = flags.has('-json') && command.printsJson
  const call = new ShellCall({ ...given, name: command.name, json, fs, out, signal })
  try {
    await command.run(call)
    await out.flush()
    return exitCode() ?? call.exitCode
  } catch (error) {
    await out.flush()
    const interrupted = exitCode()
    if (interrupted !== undefined) return interrupted
    if (error instanceof UsageError) return printUsage(command, error)
    if (error instanceof CommandError) throw error
    call.fail(error)
    return call.exitCode
  } finally {
    fs.close()
  }
}

async function connect(flags: ReadonlyMap<string, string>): Promise<FileSystem> {
  const [user, groups] = (flags.get('-user') ?? process.env.HOPBINE_USER ?? '').split(':')
  return connectHome(homeOf(flags.get('-home')), {
    ...(user === undefined || user === '' ? {} : { user }),
    ...(groups === undefined ? {} : { groups: groups.split(',') }),
  })
}

/**
 * The first signal asks the command to clean up and end, the second ends it. Returns the exit code once
 * asked.
 */
function catchSignals(interruption: AbortController): () => number | undefined {
  let exitCode: number | undefined
  const signals = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const
  for (const [signal, code] of Object.entries(signals)) {
    process.on(signal, () => {
      if (exitCode !== undefined) process.exit(code)
      exitCode = code
      interruption.abort()
    })
  }
  return () => exitCode
}
