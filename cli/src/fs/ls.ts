/** `-ls`: lists directories and files. */
import type { FileStatus } from '@hopbine/client/index.ts'
import { modeText } from '../output/modes.ts'
import { sizeText } from '../output/sizes.ts'
import { minuteText } from '../output/times.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { childOf, type FoundItem, forEachItem } from './items.ts'
import { statusJson } from './status-json.ts'

const ls: FsCommand = {
  name: 'ls',
  usage: '[-C] [-d] [-h] [-q] [-R] [-t] [-S] [-r] [-u] [<path> ...]',
  sentence: 'Lists directories with their entries, and files; your home directory where no path is given.',
  flags: [
    { name: 'C', sentence: 'Show paths only.' },
    { name: 'd', sentence: 'Show directories themselves, not their entries.' },
    { name: 'h', sentence: 'Show sizes in K, M, G.' },
    { name: 'q', sentence: 'Show ? for characters that cannot be printed.' },
    { name: 'R', sentence: 'List everything below, too.' },
    { name: 't', sentence: 'Sort by time of the last change, newest first.' },
    { name: 'S', sentence: 'Sort by size, largest first.' },
    { name: 'r', sentence: 'Turn the order round.' },
    { name: 'u', sentence: 'Show and sort by the time of the last read.' },
  ],
  arguments: [0, MANY],
  printsJson: true,
  async run(call) {
    const lines = new ListingLines(call)
    const args = call.args.length === 0 ? ['.'] : call.args
    await forEachItem(call, args, async item => {
      if (item.status.isDirectory() && !call.has('d')) await listDirectory(call, lines, item)
      else await lines.print([item])
    })
  },
}

export const commands = [ls]

/** Entries printed together, with columns of one width; the memory that a listing without an order needs. */
const GROUP_MAX = 1000

async function listDirectory(call: ShellCall, lines: ListingLines, folder: FoundItem): Promise<void> {
  const recursive = call.has('R')
  if (!recursive && !call.json && !call.has('C')) {
    const count = folder.status.children
    if (count > 0) await call.out.line(`Found ${count} items`)
  }
  for await (const group of groupsOf(call, folder)) {
    if (!recursive) {
      await lines.print(group)
      continue
    }
    lines.widen(group)
    for (const item of group) {
      await lines.print([item])
      if (!item.status.isDirectory()) continue
      await call.attempt(item.text, () => listDirectory(call, lines, item))
    }
  }
}

/** The entries in groups: page by page, or all at once where an order other than the name's is asked for. */
async function* groupsOf(call: ShellCall, folder: FoundItem): AsyncGenerator<FoundItem[]> {
  const order = orderOf(call)
  let group: FoundItem[] = []
  for await (const status of call.fs.listStatus(folder.path, { signal: call.signal })) {
    group.push(childOf(folder, status))
    if (order === undefined && group.length === GROUP_MAX) {
      yield group
      group = []
    }
  }
  if (group.length > 0) yield order === undefined ? group : group.sort(order)
}

type Order = (left: FoundItem, right: FoundItem) => number

function orderOf(call: ShellCall): Order | undefined {
  const byTime = call.has('t')
  if (!byTime && !call.has('S', 'r')) return undefined
  const key = (item: FoundItem): number => {
    if (byTime) return call.has('u') ? item.status.atimeMs : item.status.mtimeMs
    return call.has('S') ? item.status.size : 0
  }
  const sign = call.has('r') ? -1 : 1
  return (left, right) => sign * (key(right) - key(left) || (left.status.name < right.status.name ? -1 : 1))
}

/** Prints items as lines; columns only ever grow wider, as in Hadoop. */
class ListingLines {
  readonly #call: ShellCall
  #replicationWidth = 3
  #ownerWidth = 0
  #groupWidth = 0
  #sizeWidth = 10

  constructor(call: ShellCall) {
    this.#call = call
  }

  async print(items: readonly FoundItem[]): Promise<void> {
    const { out, json } = this.#call
    this.widen(items)
    for (const item of items) {
      if (json) await out.json(statusJson(item.status))
      else await out.line(this.#call.has('C') ? this.#name(item) : this.#line(item))
    }
  }

  widen(items: readonly FoundItem[]): void {
    for (const { status } of items) {
      this.#replicationWidth = Math.max(this.#replicationWidth, replicationText(status).length)
      this.#ownerWidth = Math.max(this.#ownerWidth, status.owner.length)
      this.#groupWidth = Math.max(this.#groupWidth, status.group.length)
      this.#sizeWidth = Math.max(this.#sizeWidth, this.#size(status).length)
    }
  }

  #line(item: FoundItem): string {
    const { status } = item
    // In Hadoop the sign takes the place of a space.
    const mode = `${KIND_LETTERS[status.kindName]}${modeText(status.mode)}${status.hasAcl ? '+' : ' '}`
    const columns = [
      replicationText(status).padStart(this.#replicationWidth),
      status.owner.padEnd(this.#ownerWidth),
      status.group.padEnd(this.#groupWidth),
      this.#size(status).padStart(this.#sizeWidth),
      minuteText(this.#call.has('u') ? status.atime : status.mtime),
      this.#name(item),
    ]
    return mode + columns.join(' ')
  }

  #size(status: FileStatus): string {
    return sizeText(status.size, this.#call.has('h'))
  }

  #name(item: FoundItem): string {
    // Control characters could move the cursor of a terminal.
    return this.#call.has('q') ? item.text.replaceAll(/\p{C}/gu, '?') : item.text
  }
}

const KIND_LETTERS = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  'block-device': 'b',
  'char-device': 'c',
} as const

function replicationText(status: FileStatus): string {
  return status.isFile() ? String(status.replication) : '-'
}
