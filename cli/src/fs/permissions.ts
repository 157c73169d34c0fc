/** `-chmod`, `-chown` and `-chgrp`: permission bits and owners, of single paths or whole trees. */
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, type FsFlag, MANY } from './command.ts'
import { type FoundItem, forEachItem, walkItems } from './items.ts'
import { Lanes } from './lanes.ts'
import { parseMode } from './mode-change.ts'

const RECURSIVE: FsFlag = { name: 'R', sentence: 'Everything below, too.' }

/** Changes of one tree that are under way at a time. */
const LANES_MAX = 64

const chmod: FsCommand = {
  name: 'chmod',
  usage: '[-R] <MODE[,MODE]... | OCTALMODE> PATH...',
  sentence: 'Changes permission bits: digits like 750, or letters like u+x,go-w.',
  flags: [RECURSIVE],
  arguments: [2, MANY],
  printsJson: false,
  async run(call) {
    const [text = '', ...paths] = call.args
    const change = parseMode(text)
    if (change === undefined) throw wrong(`chmod : mode '${text}' does not match the expected pattern.`)
    await changeAll(call, paths, async ({ path, status }) => {
      const mode = change(status.mode, status.isDirectory())
      if (mode !== status.mode && !status.isSymlink()) await call.fs.setPermission(path, mode)
    })
  },
}

const chown: FsCommand = {
  name: 'chown',
  usage: '[-R] [OWNER][:[GROUP]] PATH...',
  sentence: 'Changes owner and group.',
  flags: [RECURSIVE],
  arguments: [2, MANY],
  printsJson: false,
  async run(call) {
    const [text = '', ...paths] = call.args
    const found = /^(?<owner>[^:\s/]*)(?::(?<group>[^:\s/]*))?$/.exec(text)?.groups
    if (found === undefined) throw wrong(`'${text}' does not match expected pattern for [owner][:group].`)
    const owner = found.owner === '' ? undefined : found.owner
    const group = found.group === '' ? undefined : found.group
    if (owner === undefined && group === undefined) throw wrong(`'${text}' does not specify owner or group.`)
    await changeAll(call, paths, item => setOwner(call, item, owner, group))
  },
}

const chgrp: FsCommand = {
  name: 'chgrp',
  usage: '[-R] GROUP PATH...',
  sentence: 'Changes the group.',
  flags: [RECURSIVE],
  arguments: [2, MANY],
  printsJson: false,
  async run(call) {
    const [group = '', ...paths] = call.args
    if (!/^[^:\s/]+$/.test(group)) throw wrong(`'${group}' does not match expected pattern for group`)
    await changeAll(call, paths, item => setOwner(call, item, undefined, group))
  },
}

async function setOwner(
  call: ShellCall,
  { path, status }: FoundItem,
  owner: string | undefined,
  group: string | undefined,
): Promise<void> {
  const sameOwner = owner === undefined || owner === status.owner
  const sameGroup = group === undefined || group === status.group
  if (sameOwner && sameGroup) return
  await call.fs.setOwner(path, {
    ...(owner === undefined ? {} : { owner }),
    ...(group === undefined ? {} : { group }),
  })
}

/** Applies a change to each path, and if `recursive` to everything below as well. */
export async function changeAll(
  call: ShellCall,
  paths: readonly string[],
  change: (item: FoundItem) => Promise<void>,
  recursive = call.has('R'),
): Promise<void> {
  const lanes = new Lanes(LANES_MAX)
  try {
    await forEachItem(call, paths, async item => {
      if (!recursive) return change(item)
      for await (const entry of walkItems(call, item)) {
        await lanes.add(() => call.attempt(entry.text, () => change(entry)))
      }
    })
  } finally {
    await lanes.settle()
  }
  await lanes.done()
}

export const commands = [chmod, chown, chgrp]
