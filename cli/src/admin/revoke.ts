/** `hopbine admin revoke NAME`: the certificates of a node are good no longer. */
import { CommandError, EXIT } from '../exit.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { issuerOf } from './issuer.ts'

export const command = defineCommand({
  name: 'admin revoke',
  sentence: 'Revokes the certificates of a node: its connections end, and it is let in no more.',
  usage: 'NAME | SERIAL',
  words: [1, 1],
  options: [homeOption, jsonOption],
  notes: [
    'Namenodes of this home follow within seconds, those that joined from other machines within two minutes.',
  ],
  async run({ values, positionals: [word = ''] }) {
    const { signer } = await issuerOf(values.home)
    const revoked = await signer.revoke(word)
    if (revoked.length === 0) {
      throw new CommandError(`nobody called ${JSON.stringify(word)} has a certificate of this authority`)
    }
    const out = new Printer()
    for (const { role, id, serialNumber } of revoked) {
      if (values.json) await out.json({ role, name: id, serial: serialNumber })
      else await out.line(`revoked: ${role} ${id}, certificate ${serialNumber}`)
    }
    await out.flush()
    return EXIT.ok
  },
})
