/** `-mv`: gives files and directories another name or place, at a cost that does not follow their size. */
import { isFsError } from '@hopbine/client/index.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { checkApart, destination, nameOf } from './destination.ts'
import { expand, found, type Item } from './items.ts'
import { PathError } from './path-error.ts'

const mv: FsCommand = {
  name: 'mv',
  usage: '<src> ... <dst>',
  sentence: 'Moves files and directories; with several sources the destination must be a directory.',
  flags: [],
  arguments: [2, MANY],
  printsJson: false,
  async run(call) {
    const sources = await sourceItems(call, call.args.slice(0, -1), { followLast: false })
    const place = await destination(call, call.args.at(-1) ?? '', sources.length, false)
    for (const source of sources) {
      await call.attempt(source.text, async () => {
        const { path } = found(source)
        const target = await place.targetOf(nameOf(source))
        checkApart(source, target)
        if (target.status !== undefined) throw PathError.exists(target.text)
        await call.fs.rename(path, target.path).catch((error: unknown) => {
          throw isFsError(error, 'ALREADY_EXISTS') ? PathError.exists(target.text) : error
        })
      })
    }
  },
}

export const commands = [mv]

/** All sources, what is missing included: their number decides what the destination may be. */
export async function sourceItems(
  call: ShellCall,
  args: readonly string[],
  options: { readonly followLast?: boolean } = {},
): Promise<Item[]> {
  const items: Item[] = []
  for (const arg of args) {
    await call.attempt(arg, async () => {
      items.push(...(await expand(call, arg, options)))
    })
  }
  return items
}
