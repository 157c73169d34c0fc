/**
 * `hopbine admin backup FILE`: streams a consistent copy of the metadata store into a file that appears
 * whole or not at all. The datanodes' blocks are not part of it; they are kept as long as a backup may need
 * them.
 */
import { open, rename, rm } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { FileSystem } from '@hopbine/client/index.ts'
import { backupBegin, backupEnd, backupRead } from '@hopbine/common/protocol/cluster.ts'
import { CommandError, EXIT } from '../exit.ts'
import { syncFolder } from '../home/write-whole.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { humanSize } from '../output/sizes.ts'
import { withFileSystem } from './connection.ts'

/** Bytes asked for at a time; an answer must fit a message. */
const PIECE_BYTES = 1024 * 1024

export const command = defineCommand({
  name: 'admin backup',
  sentence: 'Saves the metadata to a file while everything runs.',
  usage: 'FILE',
  words: [1, 1],
  options: [homeOption, jsonOption],
  notes: [
    'Blocks of removed files are kept for 24 hours, so a backup is good for a restore at least that long.',
  ],
  async run({ values, positionals }) {
    const file = resolve(positionals[0] ?? '')
    const interrupted = interruption()
    const saved = await withFileSystem(values.home, fs => save(fs, file, interrupted))
    if (saved === undefined) return EXIT.interrupted
    const out = new Printer()
    if (values.json) await out.json({ file, ...saved })
    else await out.line(`${file}: ${humanSize(saved.sizeBytes)}, as of index ${saved.index}`)
    await out.flush()
    return EXIT.ok
  },
})

/** Undefined when Ctrl-C ended it; nothing is left behind then. */
async function save(
  fs: FileSystem,
  file: string,
  interrupted: () => boolean,
): Promise<{ sizeBytes: number; index: number } | undefined> {
  const { backupId, sizeBytes, index } = await fs.call(backupBegin, {})
  const temporary = `${file}.tmp`
  try {
    const isWhole = await copy(fs, backupId, sizeBytes, temporary, interrupted)
    if (!isWhole) {
      await rm(temporary, { force: true })
      return undefined
    }
    await rename(temporary, file)
    syncFolder(dirname(file))
    return { sizeBytes, index }
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await fs.call(backupEnd, { backupId })
  }
}

async function copy(
  fs: FileSystem,
  backupId: string,
  sizeBytes: number,
  path: string,
  interrupted: () => boolean,
): Promise<boolean> {
  const handle = await open(path, 'w', 0o600)
  try {
    for (let offset = 0; offset < sizeBytes; ) {
      if (interrupted()) return false
      const length = Math.min(PIECE_BYTES, sizeBytes - offset)
      const { data } = await fs.call(backupRead, { backupId, offset, length })
      if (data.length === 0)
        throw new CommandError(`the backup ended after ${offset} of ${sizeBytes} bytes: try again`)
      await handle.writeFile(data)
      offset += data.length
    }
    await handle.sync()
    return true
  } finally {
    await handle.close()
  }
}

function interruption(): () => boolean {
  let isInterrupted = false
  process.on('SIGINT', () => {
    if (isInterrupted) process.exit(EXIT.interrupted)
    isInterrupted = true
  })
  return () => isInterrupted
}
