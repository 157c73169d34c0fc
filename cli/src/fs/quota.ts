/**
 * `-setQuota`, `-clrQuota`, `-setSpaceQuota` and `-clrSpaceQuota`: limits of directories. Superusers only.
 */
import type { NewQuota } from '@hopbine/client/index.ts'
import { wrong } from './arguments.ts'
import { parseByteCount } from './byte-count.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, MANY } from './command.ts'
import { forEachItem } from './items.ts'
import { PathError } from './path-error.ts'

const setQuota: FsCommand = {
  name: 'setQuota',
  usage: '<quota> <dirname> ...',
  sentence: 'Limits the number of files and directories below each directory, itself included.',
  flags: [],
  arguments: [2, MANY],
  printsJson: false,
  run: call => apply(call, call.args.slice(1), { names: parseCount(call.args[0] ?? '') }),
}

const clrQuota: FsCommand = {
  name: 'clrQuota',
  usage: '<dirname> ...',
  sentence: 'Lifts the limit on the number of files and directories.',
  flags: [],
  arguments: [1, MANY],
  printsJson: false,
  run: call => apply(call, call.args, { names: 'none' }),
}

const setSpaceQuota: FsCommand = {
  name: 'setSpaceQuota',
  usage: '<quota> <dirname> ...',
  sentence: 'Limits the bytes below each directory with all copies; 10g, 512m and the like are understood.',
  flags: [],
  arguments: [2, MANY],
  printsJson: false,
  run: call => apply(call, call.args.slice(1), { bytes: parseBytes(call.args[0] ?? '') }),
}

const clrSpaceQuota: FsCommand = {
  name: 'clrSpaceQuota',
  usage: '<dirname> ...',
  sentence: 'Lifts the limit on bytes.',
  flags: [],
  arguments: [1, MANY],
  printsJson: false,
  run: call => apply(call, call.args, { bytes: 'none' }),
}

async function apply(call: ShellCall, paths: readonly string[], quota: NewQuota): Promise<void> {
  await forEachItem(call, paths, async item => {
    if (!item.status.isDirectory()) throw PathError.notDirectory(item.text)
    await call.fs.setQuota(item.path, quota)
  })
}

function parseCount(text: string): number {
  const count = /^\d+$/.test(text) ? Number(text) : 0
  if (!Number.isSafeInteger(count) || count < 1) throw wrong(`Invalid values for quota: ${text}`)
  return count
}

function parseBytes(text: string): number {
  const bytes = parseByteCount(text)
  if (bytes === undefined) throw wrong(`"${text}" is not a valid value for a quota.`)
  return bytes
}

export const commands = [setQuota, clrQuota, setSpaceQuota, clrSpaceQuota]
