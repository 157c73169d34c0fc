/**
 * What `-D NAME=VALUE` before a command sets, under Hadoop's names: how new files are stored. A name that
 * means nothing here is refused, so that nobody believes in what does not happen.
 */
import { BLOCK_BYTES_MAX, BLOCK_BYTES_MIN, REPLICATION_MAX } from '@hopbine/common/base/limits.ts'
import { nearest } from '../options/nearest.ts'
import { wrong } from './arguments.ts'
import { parseByteCount } from './byte-count.ts'

/** How files that a command makes are stored; what is absent is the server's choice. */
export interface NewFiles {
  readonly replication?: number
  readonly blockSize?: number
}

const READERS: Readonly<Record<string, (value: string) => NewFiles>> = {
  'dfs.replication': value => {
    const replication = /^\d+$/.test(value) ? Number(value) : 0
    if (replication < 1 || replication > REPLICATION_MAX) {
      throw wrong(`dfs.replication must be 1 to ${REPLICATION_MAX}, not ${JSON.stringify(value)}`)
    }
    return { replication }
  },
  'dfs.blocksize': value => {
    const blockSize = parseByteCount(value) ?? 0
    if (blockSize < BLOCK_BYTES_MIN || blockSize > BLOCK_BYTES_MAX) {
      throw wrong(`dfs.blocksize must be 1m to 1g, not ${JSON.stringify(value)}`)
    }
    return { blockSize }
  },
}

export function readProperty(text: string): NewFiles {
  const equals = text.indexOf('=')
  if (equals < 1) throw wrong(`-D needs NAME=VALUE, not ${JSON.stringify(text)}`)
  const name = text.slice(0, equals)
  const read = Object.hasOwn(READERS, name) ? READERS[name] : undefined
  if (read !== undefined) return read(text.slice(equals + 1))
  const names = Object.keys(READERS)
  const close = nearest(name, names)
  const hint = close === undefined ? `it knows ${names.join(' and ')}` : `did you mean ${close}?`
  throw wrong(`-D does not know the property ${JSON.stringify(name)}: ${hint}`)
}
