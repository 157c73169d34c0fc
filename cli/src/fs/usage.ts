/**
 * `-du`, `-count` and `-df`: totals, quotas and room. Totals are kept by the server, so a tree costs as one
 * file.
 */
import type { ContentSummary, Room } from '@hopbine/client/index.ts'
import { humanSize, sizeText } from '../output/sizes.ts'
import { tableLines } from '../output/table.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { childOf, type FoundItem, forEachItem } from './items.ts'

const HUMAN = { name: 'h', sentence: 'Show sizes in K, M, G.' } as const
const HEADER = { name: 'v', sentence: 'Show a line with the names of the columns first.' } as const

const du: FsCommand = {
  name: 'du',
  usage: '[-s] [-h] [-v] [-x] [<path> ...]',
  sentence: 'Shows bytes, bytes on disk with all copies, and path, for each entry of a directory.',
  flags: [
    { name: 's', sentence: 'Show one line for each path, not for its entries.' },
    HUMAN,
    HEADER,
    { name: 'x', sentence: 'Leave snapshots out; there are none to leave out.' },
  ],
  arguments: [0, MANY],
  printsJson: true,
  async run(call) {
    const args = call.args.length === 0 ? ['.'] : call.args
    if (call.has('v') && !call.json) await call.out.line('SIZE  DISK_SPACE_CONSUMED_WITH_ALL_REPLICAS  PATH')
    const rows: string[][] = []
    await forEachItem(call, args, async item => {
      if (call.has('s') || !item.status.isDirectory()) return duRow(call, rows, item)
      for await (const status of call.fs.listStatus(item.path, { signal: call.signal })) {
        const child = childOf(item, status)
        await call.attempt(child.text, () => duRow(call, rows, child))
      }
      await printRows(call, rows)
    })
    await printRows(call, rows)
  },
}

/** Rows laid out together; more are printed in groups, so that memory stays bounded. */
const ROWS_MAX = 1000

async function duRow(call: ShellCall, rows: string[][], item: FoundItem): Promise<void> {
  const { bytes, diskBytes } = await totalsOf(call, item)
  if (call.json) return call.out.json({ path: item.path, bytes, diskBytes })
  rows.push([sizeText(bytes, call.has('h')), sizeText(diskBytes, call.has('h')), item.text])
  if (rows.length >= ROWS_MAX) await printRows(call, rows)
}

/** A file's totals stand in its attributes; only directories have to be asked for. */
async function totalsOf(call: ShellCall, item: FoundItem): Promise<{ bytes: number; diskBytes: number }> {
  const { status } = item
  if (status.isFile()) return { bytes: status.size, diskBytes: status.size * status.replication }
  return call.fs.getContentSummary(item.path)
}

async function printRows(call: ShellCall, rows: string[][]): Promise<void> {
  for (const line of tableLines(rows, ['left', 'left', 'left'])) await call.out.line(line)
  rows.length = 0
}

const count: FsCommand = {
  name: 'count',
  usage: '[-q] [-u] [-h] [-v] [-x] <path> ...',
  sentence: 'Counts directories, files and bytes below each path.',
  flags: [
    { name: 'q', sentence: 'Show quotas and what is left of them, too.' },
    { name: 'u', sentence: 'Show quotas and what is left of them only.' },
    HUMAN,
    HEADER,
    { name: 'x', sentence: 'Leave snapshots out; there are none to leave out.' },
  ],
  arguments: [1, MANY],
  printsJson: true,
  async run(call) {
    if (call.has('v') && !call.json) await call.out.line(countHeader(call))
    await forEachItem(call, call.args, async item => {
      const summary = await call.fs.getContentSummary(item.path)
      if (call.json) await call.out.json(countJson(item, summary))
      else await call.out.line(countLine(call, item, summary))
    })
  },
}

function countHeader(call: ShellCall): string {
  const quotas = ['QUOTA', 'REM_QUOTA', 'SPACE_QUOTA', 'REM_SPACE_QUOTA']
  const totals = ['DIR_COUNT', 'FILE_COUNT', 'CONTENT_SIZE']
  return countColumns(call, quotas, totals, 'PATHNAME')
}

function countLine(call: ShellCall, item: FoundItem, summary: ContentSummary): string {
  const human = call.has('h')
  const { files, directories, bytes, diskBytes, nameQuota, spaceQuota } = summary
  const names = quotaCells(nameQuota, directories + files, human)
  const space = quotaCells(spaceQuota, diskBytes, human)
  const totals = [directories, files, bytes].map(number => sizeText(number, human))
  return countColumns(call, [...names, ...space], totals, item.text)
}

function quotaCells(limit: number | undefined, used: number, human: boolean): string[] {
  if (limit === undefined) return ['none', 'inf']
  const left = limit - used
  return [sizeText(limit, human), left < 0 ? `-${sizeText(-left, human)}` : sizeText(left, human)]
}

function countColumns(call: ShellCall, quotas: string[], totals: string[], path: string): string {
  const cells: string[] = []
  if (call.has('q', 'u')) {
    cells.push(...quotas.map((cell, index) => cell.padStart(index === 0 ? 12 : 15)))
  }
  if (!call.has('u')) cells.push(...totals.map((cell, index) => cell.padStart(index === 2 ? 18 : 12)))
  return `${cells.join(' ')} ${path}`
}

function countJson(item: FoundItem, summary: ContentSummary): Record<string, unknown> {
  const { files, directories, bytes, diskBytes, nameQuota, spaceQuota } = summary
  return {
    path: item.path,
    directories,
    files,
    bytes,
    diskBytes,
    nameQuota: nameQuota ?? null,
    spaceQuota: spaceQuota ?? null,
  }
}

const df: FsCommand = {
  name: 'df',
  usage: '[-h] [<path> ...]',
  sentence: 'Shows capacity, used and free bytes as seen at a path: of its quota, or of the datanodes.',
  flags: [HUMAN],
  arguments: [0, MANY],
  printsJson: true,
  async run(call) {
    const args = call.args.length === 0 ? ['/'] : call.args
    const rows = [['Filesystem', 'Size', 'Used', 'Available', 'Use%']]
    await forEachItem(call, args, async item => {
      const room = await call.fs.getRoom(item.path)
      if (call.json) await call.out.json({ path: item.path, ...room })
      else rows.push(dfRow(call, item, room))
    })
    if (call.json || rows.length === 1) return
    for (const line of tableLines(rows, ['left', 'right', 'right', 'right', 'right']))
      await call.out.line(line)
  },
}

function dfRow(call: ShellCall, item: FoundItem, room: Room): string[] {
  const show = (bytes: number): string => (call.has('h') ? humanSize(bytes) : String(bytes))
  const share = room.capacityBytes === 0 ? 0 : Math.ceil((room.usedBytes / room.capacityBytes) * 100)
  return [item.text, show(room.capacityBytes), show(room.usedBytes), show(room.freeBytes), `${share}%`]
}

export const commands = [du, count, df]
