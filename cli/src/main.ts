/**
 * The `hopbine` command: finds the command named on the command line, loads that one only, runs it, and
 * turns its end into an exit code and at most one sentence. It holds no command itself.
 */
import { COMMANDS, type CommandRow, GROUPS } from './commands/table.ts'
import { CommandError, EXIT, UsageError } from './exit.ts'
import type { Command } from './options/command.ts'

/** Threads of Node's pool in a mount: names that the kernel forgets at a time, and room for other work. */
const MOUNT_THREADS = '16'

const GENERAL_HELP_HEAD = 'Usage: hopbine COMMAND [OPTIONS]'
const GENERAL_HELP_TAIL = [
  'hopbine COMMAND --help says more; hopbine fs -help lists the commands for files.',
  'Exit codes: 0 done, 1 failed, 2 a wrong command line (255 in hopbine fs), 130 ended by Ctrl-C.',
]

async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args
  if (name === undefined) throw new UsageError('a command is missing; hopbine --help lists them')
  // Before anything uses the pool: a mount tells the kernel from threads what may wait for a lock there.
  if (name === 'mount') process.env.UV_THREADPOOL_SIZE ??= MOUNT_THREADS
  if (name === '--version' || name === '-V') return printVersion()
  if (name === '--help' || name === '-h' || name === 'help') return printGeneralHelp(rest[0])
  if (name === 'fs' || name === 'dfs') return (await import('./fs/shell.ts')).runShell(rest)
  if (name === 'admin') return admin(rest)
  if (name === 'bench') return (await import('@hopbine/bench/main.ts')).runBench(rest)
  return find(COMMANDS, name, rest, '')
}

async function admin(words: readonly string[]): Promise<number> {
  const { ADMIN_COMMANDS } = await import('./commands/admin.ts')
  const [name, ...rest] = words
  if (name === undefined) throw new UsageError('a command is missing; hopbine admin --help lists them')
  if (name === '--help' || name === '-h' || name === 'help') {
    return printOverview('Usage: hopbine admin COMMAND [OPTIONS]', ADMIN_COMMANDS, [
      'hopbine admin COMMAND --help says more.',
    ])
  }
  return find(ADMIN_COMMANDS, name, rest, 'admin ')
}

/** Loads and runs the command of that name, or says what was probably meant. */
async function find(
  rows: readonly CommandRow[],
  name: string,
  rest: readonly string[],
  prefix: string,
): Promise<number> {
  const row = rows.find(candidate => candidate.name === name)
  if (row !== undefined) return runCommand((await row.load()).command, rest)
  const { nearest } = await import('./options/nearest.ts')
  const groups = prefix === '' ? Object.keys(GROUPS) : []
  const close = nearest(name, [...groups, ...rows.map(candidate => candidate.name)])
  const hint =
    close === undefined ? `hopbine ${prefix}--help lists them` : `did you mean \`hopbine ${prefix}${close}\`?`
  throw new UsageError(`there is no command ${JSON.stringify(prefix + name)}; ${hint}`)
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
  const groups = Object.entries(GROUPS).map(([name, sentence]) => ({ name, sentence }))
  return printOverview(GENERAL_HELP_HEAD, [...groups, ...COMMANDS], GENERAL_HELP_TAIL)
}

async function printOverview(
  head: string,
  rows: ReadonlyArray<{ readonly name: string; readonly sentence: string }>,
  tail: readonly string[],
): Promise<number> {
  const { columns } = await import('./options/help.ts')
  const lines = columns(rows.map(({ name, sentence }) => [name, sentence] as const))
  process.stdout.write(`${[head, '', ...lines, '', ...tail].join('\n')}\n`)
  return EXIT.ok
}

/** The exit code for an error, after telling the person. */
async function report(error: unknown, args: readonly string[]): Promise<number> {
  const { sentenceOf } = await import('./output/sentence.ts')
  const sentence = sentenceOf(error)
  const command = ['hopbine', ...commandWords(args)].join(' ')
  if (sentence === undefined) {
    const stack = error instanceof Error ? error.stack : String(error)
    process.stderr.write(`${command}: a defect of Hopbine, please report it:\n${stack}\n`)
    return EXIT.defect
  }
  process.stderr.write(`${command}: ${sentence}\n`)
  return error instanceof CommandError ? error.exitCode : EXIT.failure
}

/** The words at the start that name a command. */
function commandWords(args: readonly string[]): string[] {
  const [first = '', second = ''] = args
  const known = [...Object.keys(GROUPS), ...COMMANDS.map(row => row.name)]
  if (!known.includes(first)) return []
  return first === 'admin' && /^[a-z]/.test(second) ? [first, second] : [first]
}

// Words for people may get lost, on a full disk or with their reader; the work goes on.
process.stderr.on('error', () => undefined)
const args = process.argv.slice(2)
process.exit(await main(args).catch((error: unknown) => report(error, args)))
