/** `-getmerge`: copies files into one file of this machine, one after another, in byte order of names. */
import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { copyingPath } from './copying-name.ts'
import { childOf, type FoundItem, forEachItem } from './items.ts'

const getmerge: FsCommand = {
  name: 'getmerge',
  usage: '[-nl] [-skip-empty-file] <src> ... <localdst>',
  sentence: 'Copies the files at each path, and directly in each directory, into one local file.',
  flags: [
    { name: 'nl', sentence: 'Add an end of line after each file.' },
    { name: 'skip-empty-file', sentence: 'Leave out files without a byte.' },
  ],
  arguments: [2, MANY],
  printsJson: false,
  async run(call) {
    const target = call.args.at(-1) ?? ''
    const temporary = copyingPath(target)
    const out = createWriteStream(temporary)
    try {
      await pipeline(mergedBytes(call), out, { signal: call.signal })
      await rename(temporary, target)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
  },
}

export const commands = [getmerge]

async function* mergedBytes(call: ShellCall): AsyncGenerator<Buffer> {
  const files: FoundItem[] = []
  await forEachItem(call, call.args.slice(0, -1), async item => {
    if (!item.status.isDirectory()) files.push(item)
    else
      for await (const entry of call.fs.listStatus(item.path)) {
        if (entry.isFile()) files.push(childOf(item, entry))
      }
  })
  for (const { path, status } of files) {
    if (status.size === 0 && call.has('skip-empty-file')) continue
    yield* await call.fs.open(path, { signal: call.signal })
    if (call.has('nl')) yield Buffer.from('\n')
  }
}
