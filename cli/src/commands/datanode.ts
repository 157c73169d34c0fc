/** `hopbine datanode`: one datanode in the foreground. `hopbine up` starts them like this. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CommandError, UsageError } from '../exit.ts'
import { defineCommand } from '../options/command.ts'
import { logFormatOption, logLevelOption } from '../options/common.ts'
import { runRole } from '../up/role.ts'

export const command = defineCommand({
  name: 'datanode',
  sentence: 'Starts one datanode in the foreground; Ctrl-C stops it.',
  usage: '',
  words: [0, 0],
  options: [
    {
      name: 'data-dir',
      type: 'text',
      value: 'DIR',
      default: './datanode',
      sentence: 'Where its blocks lie.',
    },
    {
      name: 'namenode',
      type: 'text',
      value: 'ADDRESS',
      default: '127.0.0.1:7440',
      sentence: 'HOST:PORT of the namenode, or the path of its Unix socket.',
      setting: true,
    },
    {
      name: 'host',
      type: 'text',
      value: 'ADDRESS',
      default: '127.0.0.1',
      sentence: 'Address of this machine to listen on.',
      setting: true,
    },
    {
      name: 'advertised-host',
      type: 'text',
      value: 'ADDRESS',
      defaultNote: 'the address to listen on',
      sentence: 'Address at which clients reach this datanode.',
      setting: true,
    },
    {
      name: 'rack',
      type: 'text',
      value: 'PATH',
      sentence: 'Where it stands, like /hall/rack: copies of a block go to different racks.',
      setting: true,
    },
    { name: 'port', type: 'port', default: 7450, sentence: 'TCP port for blocks; 0 takes a free one.' },
    {
      name: 'metrics-port',
      type: 'port',
      default: 7451,
      sentence: 'TCP port of the metrics page; 0 takes a free one.',
    },
    {
      name: 'token-file',
      type: 'text',
      value: 'FILE',
      defaultNote: 'rpc.token in a folder `secrets` beside the data',
      sentence: 'File with the token that the namenode wants on TCP.',
    },
    logLevelOption,
    logFormatOption,
  ],
  async run({ values }) {
    const dataFolder = resolve(values['data-dir'])
    const namenode = parseAddress(values.namenode)
    const tokenFile = resolve(values['token-file'] ?? `${dataFolder}/../secrets/rpc.token`)
    return runRole({
      role: 'datanode',
      dataFolder,
      facts: [`namenode ${values.namenode}`],
      async start() {
        const { startDatanode } = await import('@hopbine/datanode/server/datanode.ts')
        const datanode = await startDatanode({
          dataDir: dataFolder,
          namenode: {
            address: namenode,
            ...('path' in namenode ? {} : { token: readToken(tokenFile) }),
          },
          host: values.host,
          port: values.port,
          metricsPort: values['metrics-port'],
          logLevel: values['log-level'],
          logFormat: values['log-format'],
          ...(values.rack === undefined ? {} : { rack: values.rack }),
          ...(values['advertised-host'] === undefined ? {} : { advertisedHost: values['advertised-host'] }),
        })
        const { address, metricsPort } = datanode
        return { ...address, metricsPort, stop: () => datanode.stop() }
      },
    })
  },
})

function parseAddress(text: string): { path: string } | { host: string; port: number } {
  if (text.includes('/')) return { path: resolve(text) }
  const found = /^(?:\[(?<six>[0-9a-fA-F:]+)\]|(?<name>[^:]+)):(?<port>\d{1,5})$/.exec(text)?.groups
  const port = Number(found?.port)
  if (found === undefined || port < 1 || port > 65_535) {
    throw new UsageError(`--namenode must be HOST:PORT or a path, not ${JSON.stringify(text)}`)
  }
  return { host: found.six ?? found.name ?? '', port }
}

function readToken(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const reason = (error as Error).message
    throw new CommandError(
      `cannot read the token (${reason}): copy the namenode's token file and name it with --token-file`,
    )
  }
}
