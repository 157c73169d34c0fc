/** `hopbine datanode`: one datanode in the foreground. `hopbine up` starts them like this. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Seed } from '@hopbine/common/rpc/server-choice.ts'
import type { NamenodeSeeds } from '@hopbine/datanode/server/namenode-link.ts'
import { CommandError } from '../exit.ts'
import { parseAddress, type ServerAddress } from '../options/addresses.ts'
import { defineCommand } from '../options/command.ts'
import { logFormatOption, logLevelOption } from '../options/common.ts'
import { pkiOption, tlsChoice, tlsOption } from '../options/tls.ts'
import { runRole } from '../up/role.ts'

const DEFAULT_NAMENODE = '127.0.0.1:7440'

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
      multiple: true,
      defaultNote: '127.0.0.1:7440',
      sentence: 'HOST:PORT of the namenode, or the path of its Unix socket; of a group all, in their order.',
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
    tlsOption,
    pkiOption,
    logLevelOption,
    logFormatOption,
  ],
  async run({ values }) {
    const dataFolder = resolve(values['data-dir'])
    const named = values.namenode.length === 0 ? [DEFAULT_NAMENODE] : values.namenode
    const addresses = named.map(text => parseAddress('namenode', text))
    const tokenFile = resolve(values['token-file'] ?? `${dataFolder}/../secrets/rpc.token`)
    return runRole({
      role: 'datanode',
      dataFolder,
      facts: [`namenode ${named.join(' ')}`],
      async start() {
        const tls = tlsChoice(dataFolder, values.tls, values.pki)
        const tlsFolder = tls?.mode === 'on' ? tls.folder : undefined
        const { startDatanode } = await import('@hopbine/datanode/server/datanode.ts')
        const datanode = await startDatanode({
          dataDir: dataFolder,
          namenode: seedsOf(addresses, tlsFolder === undefined ? tokenFile : undefined),
          tlsFolder,
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

/** With the token where one of them is reached over TCP; a node with a certificate needs none. */
function seedsOf(addresses: readonly ServerAddress[], tokenFile: string | undefined): NamenodeSeeds {
  const isTcp = addresses.some(address => !('path' in address))
  const token = isTcp && tokenFile !== undefined ? { token: readToken(tokenFile) } : {}
  const [first, ...others] = addresses.map((address, index) => ({ address, member: index + 1, ...token }))
  return { ...(first as Seed), others }
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
