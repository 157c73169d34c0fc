/** `hopbine fs -help` and `-usage`: what the commands say about themselves. */
import { EXIT } from '../exit.ts'
import { columns } from '../options/help.ts'
import type { FsCommand } from './command.ts'
import { allCommands } from './table.ts'

const GENERAL = [
  ['--home DIR', 'The installation to work with (default ~/.hopbine, or HOPBINE_HOME).'],
  ['--user NAME[:GROUP,…]', 'Act as this user; superusers only (or HOPBINE_USER).'],
  ['-D NAME=VALUE', 'How new files are stored: dfs.replication=2, dfs.blocksize=64m.'],
  ['--json', 'Print JSON, one value a line; for every command that prints results.'],
] as const

/** Exit code 255 where no command was given, as in Hadoop. */
export async function printHelp(word: string | undefined, names: readonly string[]): Promise<number> {
  const commands = await allCommands()
  const wanted = names.map(name => name.replace(/^-/, ''))
  const chosen = wanted.length === 0 ? commands : commands.filter(command => wanted.includes(command.name))
  const unknown = wanted.find(name => !commands.some(command => command.name === name))
  if (unknown !== undefined) {
    process.stderr.write(`${word ?? ''}: ${unknown}: Unknown command\n`)
    return EXIT.fsUsage
  }
  const isUsage = word !== '-help' && word !== undefined
  const text = wanted.length > 0 && !isUsage ? chosen.map(fullHelp).join('\n') : overview(chosen)
  const stream = word === undefined ? process.stderr : process.stdout
  stream.write(text)
  return word === undefined ? EXIT.fsUsage : EXIT.ok
}

function overview(commands: readonly FsCommand[]): string {
  const lines = commands.map(command => `\t[-${command.name} ${command.usage}]`)
  return [
    'Usage: hopbine fs [OPTIONS] -COMMAND [-flag ...] [argument ...]',
    ...lines,
    '',
    'Options:',
    ...columns(GENERAL),
    '',
    'hopbine fs -help COMMAND says more about one of them.',
    '',
  ].join('\n')
}

function fullHelp(command: FsCommand): string {
  const flags = command.flags.map(flag => {
    const head = flag.value === undefined ? `-${flag.name}` : `-${flag.name} ${flag.value}`
    return [head, flag.sentence] as const
  })
  const lines = [`-${command.name} ${command.usage} :`, `  ${command.sentence}`]
  if (flags.length > 0) lines.push('', ...columns(flags))
  return `${lines.join('\n')}\n`
}
