/** `hopbine up`: everything on one machine, in the foreground, on loopback and a Unix socket only. */
import { resolve } from 'node:path'
import { CommandError } from '../exit.ts'
import { foundGroup, namenodeCount } from '../home/group.ts'
import { defaultHome, type HomeLayout, homeOf, layoutOf } from '../home/layout.ts'
import { makeHomeFolder, prepareHome } from '../home/prepare.ts'
import { socketPath } from '../home/socket-path.ts'
import { readUpFile, type UpFile } from '../home/up-file.ts'
import { defineCommand } from '../options/command.ts'
import {
  backupHoldOption,
  homeOption,
  jsonOption,
  logFormatOption,
  logLevelOption,
} from '../options/common.ts'
import type { OptionRow } from '../options/row.ts'
import { tlsOption } from '../options/tls.ts'
import { ownCommand, quoted } from '../output/shell-word.ts'
import { datanodeCount } from '../up/datanode-count.ts'
import { awaitDatanodes, makeFirstFolders, socketAnswers } from '../up/first-contact.ts'
import { acquireLock, type Lock, LockHeldError } from '../up/lock.ts'
import { runSession } from '../up/session.ts'

const options = [
  homeOption,
  {
    name: 'namenodes',
    type: 'count',
    minimum: 1,
    maximum: 7,
    defaultNote: 'as many as before, at first 1',
    sentence: 'How many namenodes hold the metadata: 3 go on when one fails, 5 when two do.',
    setting: true,
  },
  {
    name: 'datanodes',
    type: 'count',
    minimum: 1,
    maximum: 64,
    defaultNote: 'as many as before, at first 1',
    sentence: 'How many datanodes to start.',
    setting: true,
  },
  {
    name: 'port',
    type: 'port',
    default: 0,
    sentence: "TCP port of the namenode's RPC on loopback; 0 takes a free one.",
    setting: true,
  },
  {
    name: 'metrics-port',
    type: 'port',
    default: 0,
    sentence: "TCP port of the namenode's metrics page on loopback; 0 takes a free one.",
    setting: true,
  },
  {
    name: 'mount',
    type: 'text',
    value: 'DIR',
    multiple: true,
    sentence: 'Also mount the filesystem on this empty directory, for every user; needs root.',
    setting: true,
  },
  tlsOption,
  backupHoldOption,
  logLevelOption,
  logFormatOption,
  jsonOption,
] as const satisfies readonly OptionRow[]

export const command = defineCommand({
  name: 'up',
  sentence: 'Starts everything on this machine and stays in the foreground; Ctrl-C stops it.',
  usage: '',
  words: [0, 0],
  options,
  readsSettings: true,
  notes: [
    'Listens on loopback and a Unix socket only. HOME/up.json is there while everything serves.',
    'A second Ctrl-C stops at once. Settings may also stand in HOME/config.json: {"log-level": "debug"}.',
  ],
  async run({ values }) {
    const layout = layoutOf(homeOf(values.home))
    makeHomeFolder(layout)
    const lock = await lockHome(layout)
    try {
      const prepared = prepareHome(layout)
      const datanodes = datanodeCount(layout, values.datanodes)
      const sockets = socketsOf(layout, values.namenodes)
      return await runSession({
        layout,
        prepared,
        sockets,
        datanodes,
        port: values.port,
        metricsPort: values['metrics-port'],
        backupHoldHours: values['backup-hold-hours'],
        logLevel: values['log-level'],
        logFormat: values['log-format'],
        tls: values.tls,
        mounts: values.mount.map(directory => resolve(directory)),
        onServing: async () => {
          const heard = await awaitDatanodes(sockets, datanodes)
          if (heard < datanodes) notice(`only ${heard} of ${datanodes} datanodes have registered so far`)
          if (prepared.fresh) await makeFirstFolders(sockets)
        },
        onReady: up => announce(up, values.json),
        onNotice: notice,
      })
    } finally {
      lock.release()
    }
  },
})

function notice(sentence: string): void {
  process.stderr.write(`hopbine up: ${sentence}\n`)
}

/** Where the namenodes' sockets are; the group of a new home is founded. */
function socketsOf(layout: HomeLayout, asked: number | undefined): string[] {
  const count = namenodeCount(layout, asked)
  if (count === 1) return [socketPath(layout, 'namenode.sock')]
  foundGroup(layout, count)
  return Array.from({ length: count }, (_, index) => socketPath(layout, `namenode-${index + 1}.sock`))
}

async function lockHome(layout: HomeLayout): Promise<Lock> {
  try {
    return await acquireLock(layout.lockFile, () => socketAnswers(readUpFile(layout)?.socket))
  } catch (error) {
    if (!(error instanceof LockHeldError)) throw error
    const what = `Hopbine already runs on ${layout.home} (process ${error.pid})`
    throw new CommandError(`${what}: use it, stop it with \`kill ${error.pid}\`, or give another --home DIR`)
  }
}

function announce(up: UpFile, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(up)}\n`)
    return
  }
  const hopbine = ownCommand()
  // The other terminal may not have our environment.
  const home = up.home === defaultHome() ? '' : ` --home ${quoted(up.home)}`
  const lines = [
    `Hopbine ${up.version} is ready: ${up.roles.map(role => role.role).join(', ')}; Ctrl-C stops it.`,
    '',
    'Try in another terminal:',
    `  ${hopbine} fs${home} -mkdir -p /data`,
    `  echo hello | ${hopbine} fs${home} -put - /data/hello.txt`,
    `  ${hopbine} fs${home} -ls /data`,
    `  ${hopbine} fs${home} -cat /data/hello.txt`,
    `  ${hopbine} admin status${home}`,
  ]
  process.stderr.write(`${lines.join('\n')}\n`)
}
