/**
 * `-checksum`: the CRC32C of a whole file, which does not depend on how it is cut into blocks (what Hadoop
 * calls COMPOSITE-CRC32C), so that files of different systems can be compared.
 */
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import { type FsCommand, MANY } from './command.ts'
import { forEachItem } from './items.ts'
import { PathError } from './path-error.ts'

const ALGORITHM = 'COMPOSITE-CRC32C'

const checksum: FsCommand = {
  name: 'checksum',
  usage: '<src> ...',
  sentence: 'Shows the CRC32C of whole files, the same as Hadoop shows for COMPOSITE-CRC32C.',
  flags: [],
  arguments: [1, MANY],
  printsJson: true,
  run: call =>
    forEachItem(call, call.args, async item => {
      if (item.status.isDirectory()) throw PathError.isDirectory(item.text)
      let value = 0
      const bytes = await call.fs.open(item.path, { signal: call.signal })
      for await (const chunk of bytes) value = crc32c(chunk, value)
      const digits = value.toString(16).padStart(8, '0')
      if (call.json) await call.out.json({ path: item.path, algorithm: ALGORITHM, checksum: digits })
      else await call.out.line(`${item.text}\t${ALGORITHM}\t${digits}`)
    }),
}

export const commands = [checksum]
