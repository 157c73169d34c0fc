/** `hopbine admin join TOKEN@HOST:PORT`: gets this machine a certificate of the cluster. */
import { pkiFolder } from '@hopbine/common/pki/pki-folder.ts'
import { parseToken } from '@hopbine/common/pki/token.ts'
import { EXIT, UsageError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { makeHomeFolder } from '../home/prepare.ts'
import { tcpAddress } from '../options/addresses.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { ownCommand, quoted } from '../output/shell-word.ts'
import { nodeHosts } from './node-hosts.ts'

export const command = defineCommand({
  name: 'admin join',
  sentence: 'Gets this machine a certificate of a cluster, with a token of `hopbine admin invite`.',
  usage: 'TOKEN@HOST:PORT',
  words: [1, 1],
  options: [
    homeOption,
    {
      name: 'host',
      type: 'text',
      value: 'HOST',
      multiple: true,
      sentence: 'A further name or address by which this machine is reached.',
    },
    jsonOption,
  ],
  notes: [
    'The private key is made here and stays here. The token is sent to nobody but its own cluster.',
    'If it was broken off, run it again with the same token and home.',
  ],
  async run({ values, positionals: [word = ''] }) {
    const at = word.indexOf('@')
    if (at < 0) throw new UsageError('say TOKEN@HOST:PORT, as `hopbine admin invite` printed it')
    const token = parseToken(word.slice(0, at))
    const place = tcpAddress(word.slice(at + 1))
    if (place === undefined) throw new UsageError(`${JSON.stringify(word.slice(at + 1))} is no HOST:PORT`)
    const layout = layoutOf(homeOf(values.home))
    makeHomeFolder(layout)
    const folder = pkiFolder(layout.pkiFolder)
    const { join } = await import('@hopbine/common/pki/joining.ts')
    const name = await join(folder, token, place, nodeHosts(values.host))
    const out = new Printer()
    if (values.json) await out.json({ ...name, folder: folder.path })
    else {
      await out.line(`this machine is ${name.role} ${name.id} of cluster ${name.cluster}`)
      await out.line(`its certificate lies in ${folder.path} and is renewed by itself`)
      if (name.role === 'datanode') {
        const data = quoted(layout.datanodeFolder(1))
        await out.line(
          `start it: ${ownCommand()} datanode --data-dir ${data} --namenode ${word.slice(at + 1)}`,
        )
      }
    }
    await out.flush()
    return EXIT.ok
  },
})
