/** `hopbine namenode`: one namenode in the foreground. `hopbine up` starts it like this. */
import { resolve } from 'node:path'
import { defineCommand } from '../options/command.ts'
import { logFormatOption, logLevelOption } from '../options/common.ts'
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
    logLevelOption,
    logFormatOption,
  ],
  async run({ values }) {
    const dataFolder = resolve(values['data-dir'])
    const socketPath = resolve(values.socket ?? `${dataFolder}/../run/namenode.sock`)
    const tokenFile = resolve(values['token-file'] ?? `${dataFolder}/../secrets/rpc.token`)
    return runRole({
      role: 'namenode',
      dataFolder,
      facts: [`socket ${socketPath}`],
      async start() {
        const { startNamenode } = await import('@hopbine/namenode/server/namenode.ts')
        return startNamenode({
          dataDir: dataFolder,
          socketPath,
          host: values.host,
          port: values.port,
          tokenFile,
          metricsPort: values['metrics-port'],
          logLevel: values['log-level'],
          logFormat: values['log-format'],
        })
      },
    })
  },
})
