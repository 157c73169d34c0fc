/** `hopbine mount`: makes a directory of Hopbine a directory of this machine, until it is unmounted. */
import { resolve } from 'node:path'
import { makeLogger } from '@hopbine/common/base/log.ts'
import { EXIT, UsageError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, logFormatOption, logLevelOption } from '../options/common.ts'
import type { OptionRow, Values } from '../options/row.ts'

const options = [
  homeOption,
  {
    name: 'socket',
    type: 'text',
    value: 'PATH',
    multiple: true,
    defaultNote: "the home's own",
    sentence: 'Unix socket of the namenode; of a group all, in their order.',
  },
  { name: 'detach', type: 'flag', sentence: 'Return once it is mounted and serve in the background.' },
  { name: 'read-only', type: 'flag', sentence: 'Refuse every change with EROFS.' },
  {
    name: 'allow-other',
    type: 'flag',
    sentence: 'Let every user of this machine in, each with the own rights; otherwise only you.',
  },
  {
    name: 'sync',
    type: 'flag',
    sentence: 'Answer no change before the namenode has it on disk: no directory leases.',
  },
  { name: 'suid', type: 'flag', sentence: 'Let set-uid and set-gid bits of programs take effect.' },
  { name: 'dev', type: 'flag', sentence: 'Let device files take effect.' },
  {
    name: 'timeout',
    type: 'count',
    value: 'SECONDS',
    minimum: 1,
    maximum: 86_400,
    default: 30,
    sentence: 'How long calls wait for a namenode that is away before they fail with EIO.',
  },
  {
    name: 'cache-ms',
    type: 'count',
    value: 'MILLISECONDS',
    maximum: 1_000,
    default: 1_000,
    sentence: 'How long the kernel may use what it was told unless others change it; 0 asks every time.',
  },
  {
    name: 'atime',
    type: 'choice',
    choices: ['relatime', 'never'],
    default: 'relatime',
    sentence: 'When reading moves access times: as on local disks by default, or never.',
  },
  {
    name: 'reader',
    type: 'choice',
    choices: ['best', 'event-loop', 'thread-pool'],
    default: 'best',
    sentence: 'How the daemon reads from the kernel.',
  },
  logLevelOption,
  logFormatOption,
] as const satisfies readonly OptionRow[]

export const command = defineCommand({
  name: 'mount',
  sentence: 'Mounts a directory of Hopbine on an empty directory of this machine.',
  usage: '[PATH] DIR',
  words: [1, 2],
  options,
  notes: [
    'PATH is a directory of Hopbine, / by default. Needs root; what is guaranteed stands in docs/posix.md.',
    'End it with Ctrl-C, umount DIR or hopbine umount DIR. A mount left by a crash is replaced.',
  ],
  async run({ values, positionals }) {
    const directory = resolve(positionals.at(-1) as string)
    const path = positionals.length === 2 ? (positionals[0] as string) : '/'
    if (!path.startsWith('/')) throw new UsageError(`PATH must be absolute, not ${JSON.stringify(path)}`)
    const layout = layoutOf(homeOf(values.home))
    if (values.detach) {
      const { startDetached } = await import('../mount/detach.ts')
      const args = [...wordsOf(values, layout.home), path, directory]
      const state = await startDetached(layout, args)
      process.stderr.write(`${path} is mounted at ${state.directory} (process ${state.process.pid})\n`)
      return EXIT.ok
    }
    const { runMount } = await import('../mount/daemon.ts')
    return runMount(
      layout,
      {
        connect:
          values.socket.length === 0
            ? { home: layout.home }
            : { socket: values.socket.map(path => resolve(path)) },
        path,
        directory,
        readOnly: values['read-only'],
        allowOther: values['allow-other'],
        suid: values.suid,
        devices: values.dev,
        timeoutMs: values.timeout * 1_000,
        cacheMs: values['cache-ms'],
        accessTimes: values.atime === 'relatime',
        reader: values.reader as 'best' | 'event-loop' | 'thread-pool',
        logger: makeLogger('mount', values['log-level'], values['log-format']),
      },
      values.sync ? 'sync' : 'leases',
    )
  },
})

/** The options again as words, without `--detach`. */
function wordsOf(values: Values<typeof options>, home: string): string[] {
  const words = ['--home', home]
  for (const { name, type } of options) {
    const value = values[name]
    if (name === 'home' || name === 'detach' || value === undefined || value === false) continue
    for (const each of Array.isArray(value) ? (value as readonly string[]) : [String(value)]) {
      words.push(`--${name}`)
      if (type !== 'flag') words.push(each)
    }
  }
  return words
}
