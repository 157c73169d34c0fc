/**
 * `-appendToFile`: adds local files, or standard input, to the end of a file, which is made if it is
 * missing.
 */
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { expand } from './items.ts'
import { localItem } from './local-tree.ts'
import { PathError } from './path-error.ts'

const appendToFile: FsCommand = {
  name: 'appendToFile',
  usage: '<localsrc> ... <dst>',
  sentence: 'Adds local files, or - for standard input, to the end of a file; it is made if it is missing.',
  flags: [],
  arguments: [2, MANY],
  printsJson: false,
  async run(call) {
    const sources = call.args.slice(0, -1)
    if (sources.length > 1 && sources.includes('-')) throw wrong('- must be the only source')
    const to = call.args.at(-1) ?? ''
    // All sources are looked at before a byte is written.
    for (const source of sources) if (source !== '-') await checkSource(source)
    const [item] = await expand(call, to)
    if (item?.status?.isDirectory() === true) throw PathError.isDirectory(item.text)
    await append(call, sources, item?.path ?? to, item?.status === undefined)
  },
}

export const commands = [appendToFile]

async function checkSource(source: string): Promise<void> {
  if ((await localItem(source)).isFolder) throw PathError.isDirectory(source)
}

async function append(
  call: ShellCall,
  sources: readonly string[],
  path: string,
  isNew: boolean,
): Promise<void> {
  const { signal } = call
  const target = isNew
    ? await call.fs.create(path, { ...call.newFiles, createParents: false, signal })
    : await call.fs.append(path, { signal })
  await pipeline(bytesOf(sources), target, { signal })
}

async function* bytesOf(sources: readonly string[]): AsyncGenerator<Buffer> {
  for (const source of sources) yield* source === '-' ? process.stdin : createReadStream(source)
}
