/**
 * The `hopbine` command: finds the command named on the command line, loads that one only, runs it, and turns its
 * end into an exit code and at most one sentence. It holds no command itself.
 */
import { COMMANDS } from './commands/table.ts'
import { CommandError, EXIT, UsageError } from './exit.ts'
import type { Command } from './options/command.ts'

const GENERAL_HELP_HEAD = 'Usage: hopbine COMMAND [OPTIONS]'
const GENERAL_HELP_TAIL = [
  'hopbine COMMAND --help says more; hopbine fs -help lists the commands for files.',
  'Exit codes: 0 done, 1 failed, 2 a wrong command line (255 in hopbine fs), 130 ended by Ctrl-C.',
]

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) throw new UsageError('a command is missing; hopbine --help lists them')
  if (name === '--version' || name === '-V') return printVersion()
  if (name === '--help' || name === '-h' || name === 'help') return printGeneralHelp(rest[0])
  if (name === 'fs' || name === 'dfs') return (await import('./fs/shell.ts')).runShell(rest)
  const row = COMMANDS.find(candidate => candidate.name === name)
  if (row === undefined) return unknown(name)
  const { command } = await row.load()
  return runCommand(command, rest)
}

async function runCommand(command: Command, args: readonly string[]): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    const { helpText } = await import('./options/help.ts')
    process.stdout.write(helpText(command))
    return EXIT.ok
  }
  const { parseCommandLine } = await import('./options/command-line.ts')
  return command.run(parseCommandLine(command, args))
}

async function printVersion(): Promise<number> {
  const { versionOf } = await import('./output/version.ts')
  process.stdout.write(`hopbine ${versionOf()} (Node.js ${process.versions.node})\n`)
  return EXIT.ok
}

async function printGeneralHelp(about: string | undefined): Promise<number> {
  if (about !== undefined) return main([about, '--help'])
  const { columns } = await import('./options/help.ts')
  const rows = COMMANDS.map(({ name, sentence }) => [name, sentence] as const)
  process.stdout.write(`${[GENERAL_HELP_HEAD, '', ...columns(rows), '', ...GENERAL_HELP_TAIL].join('\n')}\n`)
  return EXIT.ok
}

async function unknown(name: string): Promise<never> {
  const { nearest } = await import('./options/nearest.ts')
  const close = nearest(name, ['fs', ...COMMANDS.map(row => row.name)])
  const hint = close === undefined ? 'hopbine --help lists them' : `did you mean \`hopbine ${close}\`?`
  throw new UsageError(`there is no command ${JSON.stringify(name)}; ${hint}`)
}

/** The exit code for an error, after telling the person. */
async function report(error: unknown, args: readonly string[]): Promise<number> {
  const { sentenceOf } = await import('./output/sentence.ts')
  const sentence = sentenceOf(error)
  const command = ['hopbine', ...(args[0]?.match(/^[a-z]/) ? [args[0]] : [])].join(' ')
  if (sentence === undefined) {
    const stack = error instanceof Error ? error.stack : String(error)
    process.stderr.write(`${command}: a defect of Hopbine, please report it:\n${stack}\n`)
    return EXIT.defect
  }
  process.stderr.write(`${command}: ${sentence}\n`)
  return error instanceof CommandError ? error.exitCode : EXIT.failure
}

const args = process.argv.slice(2)
process.exit(await main(args).catch((error: unknown) => report(error, args)))
