/** `hopbine admin init`: makes the cluster's authority and the certificate of its first namenode. */
import { X509Certificate } from 'node:crypto'
import { isPeerId } from '@hopbine/common/pki/peer-name.ts'
import { fingerprintOf } from '@hopbine/common/pki/pem.ts'
import { pkiFolder } from '@hopbine/common/pki/pki-folder.ts'
import { EXIT, UsageError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { makeHomeFolder } from '../home/prepare.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { nodeHosts } from './node-hosts.ts'

export const command = defineCommand({
  name: 'admin init',
  sentence: 'Makes the authority that certifies the nodes of a cluster, and the first certificate.',
  usage: '',
  words: [0, 0],
  options: [
    homeOption,
    {
      name: 'name',
      type: 'text',
      value: 'NAME',
      default: 'namenode-1',
      sentence: 'Name of this node in its certificate.',
    },
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
    'Everything lies in HOME/pki. Roles of the home use TLS from their next start on; see --tls of each.',
    'Move HOME/pki/root-key.pem away to a safe place: nothing that runs needs it.',
  ],
  async run({ values }) {
    if (!isPeerId(values.name)) throw new UsageError(`${JSON.stringify(values.name)} is no name of a node`)
    const layout = layoutOf(homeOf(values.home))
    makeHomeFolder(layout)
    const folder = pkiFolder(layout.pkiFolder)
    const { foundAuthority } = await import('@hopbine/common/pki/founding.ts')
    const signer = await foundAuthority(folder, { id: values.name, hosts: nodeHosts(values.host) })
    const fingerprint = fingerprintOf(new X509Certificate(signer.roots)).toString('hex')
    const out = new Printer()
    const { cluster } = signer
    if (values.json) await out.json({ cluster, fingerprint, folder: folder.path, name: values.name })
    else {
      await out.line(`cluster ${cluster}, root certificate ${fingerprint}`)
      await out.line(`${values.name} has its certificate in ${folder.path}; it is renewed by itself`)
      await out.line(`move ${folder.rootKeyFile} to a safe place: nothing that runs needs it`)
      await out.line('invite other machines with `hopbine admin invite`')
    }
    await out.flush()
    return EXIT.ok
  },
})
