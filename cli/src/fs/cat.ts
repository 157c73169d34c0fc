/** `-cat`, `-text`, `-head` and `-tail`: writes the bytes of files to standard output. */
import { setTimeout as sleep } from 'node:timers/promises'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { decompressed } from './decompress.ts'
import { type FoundItem, forEachItem, found, lookUp } from './items.ts'
import { PathError } from './path-error.ts'

/** What `-head` and `-tail` show, in bytes. */
const END_BYTES = 1024
/** Pause of `tail -f` between two looks unless `-s` says otherwise, in milliseconds. */
const FOLLOW_MS = 5_000

const cat: FsCommand = {
  name: 'cat',
  usage: '[-ignoreCrc] <src> ...',
  sentence: 'Writes files to standard output.',
  flags: [{ name: 'ignoreCrc', sentence: 'Accepted for compatibility: checksums are always verified.' }],
  arguments: [1, MANY],
  printsJson: false,
  run: call => forEachItem(call, call.args, item => printFile(call, item)),
}

const text: FsCommand = {
  name: 'text',
  usage: '[-ignoreCrc] <src> ...',
  sentence: 'Writes files to standard output, unpacked if they are packed with gzip, zstd or deflate.',
  flags: [{ name: 'ignoreCrc', sentence: 'Accepted for compatibility: checksums are always verified.' }],
  arguments: [1, MANY],
  printsJson: false,
  run: call =>
    forEachItem(call, call.args, async item => {
      checkFile(item)
      const bytes = await call.fs.open(item.path, { signal: call.signal })
      for await (const chunk of decompressed(item.text, bytes)) await call.out.bytes(chunk)
    }),
}

const head: FsCommand = {
  name: 'head',
  usage: '<file>',
  sentence: 'Writes the first kilobyte of a file to standard output.',
  flags: [],
  arguments: [1, 1],
  printsJson: false,
  run: call => forEachItem(call, call.args, item => printFile(call, item, 0, END_BYTES)),
}

const tail: FsCommand = {
  name: 'tail',
  usage: '[-f] [-s <sleep interval>] <file>',
  sentence: 'Writes the last kilobyte of a file to standard output.',
  flags: [
    { name: 'f', sentence: 'Go on with what is added to the file, until Ctrl-C.' },
    { name: 's', value: 'MS', sentence: `Milliseconds between two looks (default ${FOLLOW_MS}).` },
  ],
  arguments: [1, 1],
  printsJson: false,
  async run(call) {
    const pauseMs = pauseOf(call)
    await forEachItem(call, call.args, async item => {
      const { size } = item.status
      await printFile(call, item, Math.max(0, size - END_BYTES), size)
      if (call.has('f')) await follow(call, item, size, pauseMs)
    })
  },
}

export const commands = [cat, text, head, tail]

/** Writes a range of a file; the whole of it by default. */
export async function printFile(call: ShellCall, item: FoundItem, start = 0, end?: number): Promise<void> {
  checkFile(item)
  const range = end === undefined ? { start } : { start, end }
  const bytes = await call.fs.open(item.path, { ...range, signal: call.signal })
  for await (const chunk of bytes) await call.out.bytes(chunk)
}

async function follow(call: ShellCall, item: FoundItem, from: number, pauseMs: number): Promise<void> {
  for (let position = from; ; ) {
    await sleep(pauseMs, undefined, { signal: call.signal })
    const { status, ...rest } = found(await lookUp(call.fs, item.path))
    // A file that was cut or replaced by a shorter one is shown from its end on.
    if (status.size > position) await printFile(call, { ...rest, status }, position, status.size)
    position = status.size
  }
}

function checkFile(item: FoundItem): void {
  if (item.status.isDirectory()) throw PathError.isDirectory(item.text)
}

function pauseOf(call: ShellCall): number {
  const given = call.value('s')
  if (given === undefined) return FOLLOW_MS
  if (!/^[1-9]\d*$/.test(given)) throw wrong(`Illegal sleep interval, a positive integer expected: ${given}`)
  return Number(given)
}
