/** `hopbine admin invite`: a token with which one machine may join within the hour. */
import { randomBytes } from 'node:crypto'
import { isPeerId, NODE_ROLES } from '@hopbine/common/pki/peer-name.ts'
import { EXIT, UsageError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { readUpFile } from '../home/up-file.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { ownCommand } from '../output/shell-word.ts'
import { issuerOf } from './issuer.ts'

export const command = defineCommand({
  name: 'admin invite',
  sentence: 'Prints a token with which one machine may join the cluster, once and within an hour.',
  usage: '',
  words: [0, 0],
  options: [
    homeOption,
    {
      name: 'role',
      type: 'choice',
      value: 'ROLE',
      choices: NODE_ROLES,
      default: 'datanode',
      sentence: 'What it may be; a namenode may also run datanodes.',
    },
    {
      name: 'name',
      type: 'text',
      value: 'NAME',
      defaultNote: 'the role and some digits',
      sentence: 'Its name in its certificate.',
    },
    {
      name: 'address',
      type: 'text',
      value: 'HOST:PORT',
      defaultNote: 'where the namenode of `hopbine up` listens',
      sentence: 'Where it reaches the namenode of this home.',
    },
    jsonOption,
  ],
  notes: ['Only its digest is kept. Whoever has the token may join with it: send it like a password.'],
  async run({ values }) {
    const id = values.name ?? `${values.role}-${randomBytes(3).toString('hex')}`
    if (!isPeerId(id)) throw new UsageError(`${JSON.stringify(id)} is no name of a node`)
    const { folder, signer } = await issuerOf(values.home)
    const { INVITATION_MS, invite } = await import('@hopbine/common/pki/invitations.ts')
    const expiresMs = Date.now() + INVITATION_MS
    const token = invite(folder, signer, { role: values.role, id, expiresMs })
    const address = values.address ?? runningAddress(values.home) ?? 'HOST:PORT'
    const expires = new Date(expiresMs).toISOString()
    const out = new Printer()
    if (values.json) await out.json({ token, role: values.role, name: id, address, expires })
    else {
      await out.line(`on the other machine, before ${expires}, for ${values.role} ${id}:`)
      await out.line(`  ${ownCommand()} admin join ${token}@${address} --home DIR`)
    }
    await out.flush()
    return EXIT.ok
  },
})

function runningAddress(home: string | undefined): string | undefined {
  const rpc = readUpFile(layoutOf(homeOf(home)))?.rpc
  return rpc === undefined ? undefined : `${rpc.host}:${rpc.port}`
}
