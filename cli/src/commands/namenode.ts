/** `hopbine namenode`: one namenode in the foreground. `hopbine up` starts it like this. */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CommandError } from '../exit.ts'
import { layoutOf } from '../home/layout.ts'
import { ensureToken, privateFolder } from '../home/secrets.ts'
import { socketPath } from '../home/socket-path.ts'
import { parseMember } from '../options/addresses.ts'
import { defineCommand } from '../options/command.ts'
import { backupHoldOption, logFormatOption, logLevelOption } from '../options/common.ts'
import { pkiOption, tlsChoice, tlsOption } from '../options/tls.ts'
import { runRole } from '../up/role.ts'

export const command = defineCommand({
  name: 'namenode',
  sentence: 'Starts one namenode in the foreground; Ctrl-C stops it.',
  usage: '',
  words: [0, 0],
  options: [
    {
      name: 'data-dir',
      type: 'text',
      value: 'DIR',
      default: './namenode',
      sentence: 'Where its log and store lie.',
    },
    {
      name: 'socket',
      type: 'text',
      value: 'PATH',
      defaultNote: 'namenode.sock in a folder `run` beside the data',
      sentence: "Unix socket of the operator's local door; its folder must be private (mode 0700).",
    },
    {
      name: 'host',
      type: 'text',
      value: 'ADDRESS',
      default: '127.0.0.1',
      sentence: 'Address of this machine to listen on.',
      setting: true,
    },
    { name: 'port', type: 'port', default: 7440, sentence: 'TCP port of the RPC; 0 takes a free one.' },
    {
      name: 'member',
      type: 'text',
      value: 'NUMBER=HOST:PORT',
      multiple: true,
      sentence: 'Where a member of its group listens, itself included; absent: the namenode is alone.',
    },
    {
      name: 'metrics-port',
      type: 'port',
      default: 7441,
      sentence: 'TCP port of the metrics page; 0 takes a free one.',
    },
    {
      name: 'token-file',
      type: 'text',
      value: 'FILE',
      defaultNote: 'rpc.token in a folder `secrets` beside the data',
      sentence: 'File of mode 0600 with the token that clients on TCP must show.',
    },
    tlsOption,
    pkiOption,
    backupHoldOption,
    logLevelOption,
    logFormatOption,
  ],
  async run({ values }) {
    const dataFolder = resolve(values['data-dir'])
    const socketFile = values.socket === undefined ? ownSocket(dataFolder) : resolve(values.socket)
    const tokenFile = resolve(values['token-file'] ?? `${dataFolder}/../secrets/rpc.token`)
    const members = values.member.map(text => parseMember('member', text))
    return runRole({
      role: 'namenode',
      dataFolder,
      facts: [`socket ${socketFile}`],
      async start() {
        checkPath(dataFolder)
        if (values.socket === undefined) makePrivate(dirname(socketFile))
        if (values['token-file'] === undefined && makePrivate(dirname(tokenFile))) ensureToken(tokenFile)
        const { startNamenode } = await import('@hopbine/namenode/server/namenode.ts')
        return startNamenode({
          dataDir: dataFolder,
          socketPath: socketFile,
          host: values.host,
          port: values.port,
          tokenFile,
          tls: tlsChoice(dataFolder, values.tls, values.pki),
          ...(members.length === 0 ? {} : { members }),
          metricsPort: values['metrics-port'],
          backupHoldSeconds: values['backup-hold-hours'] * 3600,
          logLevel: values['log-level'],
          logFormat: values['log-format'],
        })
      },
    })
  },
})

/** Beside the data, as in a home folder of `up`. Throws CommandError where no path is short enough. */
function ownSocket(dataFolder: string): string {
  return socketPath(layoutOf(dirname(dataFolder)), 'namenode.sock')
}

/** Makes a folder that is missing; one that is there is left as it is. Answers whether it was missing. */
function makePrivate(folder: string): boolean {
  if (existsSync(folder)) return false
  privateFolder(folder)
  return true
}

/** SQLite opens files on paths of up to 512 bytes, and the store's own files take some. */
const PATH_BYTES_MAX = 460

function checkPath(dataFolder: string): void {
  const bytes = Buffer.byteLength(dataFolder)
  if (bytes <= PATH_BYTES_MAX) return
  throw new CommandError(`the path of its folder has ${bytes} bytes: choose one of up to ${PATH_BYTES_MAX}`)
}
