/**
 * The reference page docs/cli.md, made from the tables of commands and options, so that it says what the
 * program does. It reads and writes no files.
 */
import { ADMIN_COMMANDS } from '../commands/admin.ts'
import { COMMANDS } from '../commands/table.ts'
import type { FsCommand } from '../fs/command.ts'
import { allCommands } from '../fs/table.ts'
import type { Command } from './command.ts'
import { optionHead, optionText, usageLine } from './help.ts'

const HEAD = `# The command line

This page is made from the program's own tables; after a change
\`HOPBINE_REWRITE=1 scripts/test cli/src/options/reference\` writes it anew.

\`hopbine up\` starts everything on this machine; \`hopbine fs\` works with files in the words of Hadoop's
shell; \`hopbine admin\` looks after an installation; \`hopbine doctor\` says what is wrong with one. Results
go to standard output, words about progress to standard error. With \`--json\` results are JSON, one value a
line.

An option is taken from the command line, else from its environment variable, else (for \`hopbine up\`) from
the file \`config.json\` of the home folder, an object of option names and values: \`{"log-level": "debug"}\`.

| Exit code | Meaning |
| --- | --- |
| 0 | done; for \`-test\`: yes |
| 1 | something failed, each failure in one sentence; for \`-test\`: no |
| 2 | the command line cannot be understood (255 in \`hopbine fs\`, as in Hadoop) |
| 70 | a defect of Hopbine, with a stack trace to report |
| 130, 143 | ended by Ctrl-C, by SIGTERM |
| 141 | the reader of the output went away |
`

const FS_HEAD = `## hopbine fs

\`hopbine fs [--home DIR] [--user NAME[:GROUP,…]] [--json] [-D NAME=VALUE] -COMMAND [-flag …] [argument …]\`

Relative paths start at \`/user/NAME\`. Patterns: \`*\` and \`?\` within a name, \`[abc]\`, \`[a-z]\`,
\`[^a]\`, \`{a,b}\`, and \`\\\` before a plain character. \`--user\` acts as another user and is for
superusers; \`HOPBINE_USER\` does the same. \`-D\` says how new files are stored: \`dfs.replication=2\`
copies of each block, \`dfs.blocksize=64m\` for the largest block.

Files that are copied appear whole or not at all: a large one is \`NAME._COPYING_\` until it is complete.
Ctrl-C removes it, except with \`--resume\`, which lets a later run go on there. A run with \`--resume\`
skips files of the same size that were made after the source was last changed; a folder at the destination
is taken for the earlier run's if everything in it has its like in the source.

\`-rm\` moves to the trash in your home directory; \`-expunge\` empties it, and nothing else does.
`

export async function referencePage(): Promise<string> {
  const top = await Promise.all(COMMANDS.map(async row => (await row.load()).command))
  const admin = await Promise.all(ADMIN_COMMANDS.map(async row => (await row.load()).command))
  const sections = [...top, ...admin].map(commandSection)
  const fsCommands = (await allCommands()).map(fsSection)
  return [HEAD, ...sections, FS_HEAD, ...fsCommands].join('\n')
}

function commandSection(command: Command): string {
  const lines = [`## hopbine ${command.name}`, '', `\`${usageLine(command)}\``, '', command.sentence]
  if (command.notes !== undefined) lines.push('', ...command.notes)
  if (command.options.length > 0) {
    const rows = command.options.map(row => tableRow(optionHead(row), optionText(row)))
    lines.push('', '| Option | Meaning |', '| --- | --- |', ...rows)
  }
  return `${lines.join('\n')}\n`
}

function fsSection(command: FsCommand): string {
  const usage = `-${command.name} ${command.usage}`.trimEnd()
  const json = command.printsJson ? ' Takes `--json`.' : ''
  const lines = [`### -${command.name}`, '', `\`${usage}\``, '', `${command.sentence}${json}`]
  if (command.flags.length > 0) {
    const rows = command.flags.map(({ name, value, sentence }) =>
      tableRow(`-${name}${value === undefined ? '' : ` ${value}`}`, sentence),
    )
    lines.push('', '| Flag | Meaning |', '| --- | --- |', ...rows)
  }
  return `${lines.join('\n')}\n`
}

function tableRow(head: string, text: string): string {
  return `| \`${head}\` | ${text.replaceAll('|', '\\|')} |`
}
