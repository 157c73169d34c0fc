/** `-getfacl` and `-setfacl`: ACLs in the words and the output of Hadoop's shell. */
import { type AclChange, aclEntryText, parseAcl, permissionText } from '@hopbine/client/fs/acl.ts'
import { type Acl, type AclEntry, isFsError } from '@hopbine/client/index.ts'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import { type FsCommand, type FsFlag, MANY } from './command.ts'
import { type FoundItem, forEachItem, walkItems } from './items.ts'
import { changeAll } from './permissions.ts'

const STICKY = 0o1000
const OTHER_EXECUTE = 0o001

const getfacl: FsCommand = {
  name: 'getfacl',
  usage: '[-R] <path> ...',
  sentence: 'Shows ACLs with owner and group; where there is none, the rights that the mode gives.',
  flags: [{ name: 'R', sentence: 'Show everything below, too.' }],
  arguments: [1, MANY],
  printsJson: true,
  async run(call) {
    await forEachItem(call, call.args, async item => {
      if (!call.has('R')) return show(call, item)
      for await (const entry of walkItems(call, item)) {
        await call.attempt(entry.text, () => show(call, entry))
      }
    })
  },
}

async function show(call: ShellCall, item: FoundItem): Promise<void> {
  const acl = await call.fs.getAcl(item.path, { signal: call.signal })
  if (call.json) {
    const { access, default: byDefault } = acl
    const { path, owner, group } = acl.status
    return call.out.json({
      path,
      owner,
      group,
      access: access.map(entryJson),
      default: byDefault.map(entryJson),
    })
  }
  for (const line of aclLines(item.text, acl)) await call.out.line(line)
}

function entryJson({ type, name, permission }: AclEntry): Record<string, string> {
  return { type, name, permission: permissionText(permission) }
}

/** The lines of Hadoop; an empty one ends them. */
function aclLines(text: string, { access, default: byDefault, status }: Acl): string[] {
  const { mode, owner, group } = status
  const sticky = mode & STICKY ? [`# flags: --${mode & OTHER_EXECUTE ? 't' : 'T'}`] : []
  return [
    `# file: ${text}`,
    `# owner: ${owner}`,
    `# group: ${group}`,
    ...sticky,
    ...entryLines(access, ''),
    ...entryLines(byDefault, 'default:'),
    '',
  ]
}

/** What the mask takes away of an entry stands behind it. */
function entryLines(entries: readonly AclEntry[], prefix: string): string[] {
  const mask = entries.find(({ type }) => type === 'mask')?.permission ?? 7
  return entries.map(entry => {
    const { type, name, permission } = entry
    const isLimited = type === 'group' || name !== ''
    const effective = isLimited ? permission & mask : permission
    const note = effective === permission ? '' : `\t#effective:${permissionText(effective)}`
    return `${prefix}${aclEntryText(entry)}${note}`
  })
}

const SET_FLAGS: readonly FsFlag[] = [
  { name: 'b', sentence: 'Remove everything but the rights of owner, group and others.' },
  { name: 'k', sentence: 'Remove the default ACL.' },
  { name: 'R', sentence: 'Everything below, too; files get the access entries alone.' },
  { name: 'm', sentence: 'Add these entries, or change their rights; others stay.' },
  { name: 'x', sentence: 'Remove these entries; rights are not given.' },
  { name: '-set', sentence: 'Replace the ACL; user, group and others must be among the entries.' },
]

const setfacl: FsCommand = {
  name: 'setfacl',
  usage: '[-R] [{-b|-k} {-m|-x <acl_spec>} <path>]|[--set <acl_spec> <path>]',
  sentence:
    'Changes ACLs. An acl_spec has entries like `user:ada:rwx`, `group::r-x` and `default:user:ada:rwx` ' +
    'with commas between them. A mask that is not among them covers all that it limits.',
  flags: SET_FLAGS,
  arguments: [0, MANY],
  printsJson: false,
  async run(call) {
    const { change, path } = readChange(call)
    await changeAll(call, [path], async item => {
      if (!item.status.isSymlink()) await change(item)
    })
  },
}

interface Change {
  readonly path: string
  change(item: FoundItem): Promise<void>
}

function readChange(call: ShellCall): Change {
  const removes = ['b', 'k'].filter(flag => call.has(flag))
  const modifies = ['m', 'x', '-set'].filter(flag => call.has(flag))
  if (removes.length + modifies.length > 1) {
    throw wrong('Specified flags contains both remove and modify flags')
  }
  const [flag] = [...removes, ...modifies]
  if (flag === undefined) throw wrong('Missing arguments: <acl_spec> <path>')
  const args = [...call.args]
  const spec = modifies.length === 0 ? '' : args.shift()
  if (spec === undefined) throw wrong('Missing arguments: <acl_spec> <path>')
  const [path] = args
  if (path === undefined)
    throw wrong(spec === '' ? '<path> is missing' : 'Missing either <acl_spec> or <path>')
  if (args.length > 1) throw wrong('Too many arguments')
  if (flag === 'b') return { path, change: async item => void (await call.fs.removeAcl(item.path)) }
  if (flag === 'k') return { path, change: item => dropDefault(call, item) }
  return { path, change: changeWith(call, spec, HOW[flag as keyof typeof HOW]) }
}

const HOW = { m: 'modify', x: 'remove', '-set': 'replace' } as const satisfies Record<string, AclChange>

async function dropDefault(call: ShellCall, { path, status }: FoundItem): Promise<void> {
  if (status.isDirectory()) await call.fs.setAcl(path, { default: [] })
}

/** In a tree, files get the access entries alone. */
function changeWith(call: ShellCall, spec: string, how: AclChange): Change['change'] {
  const entries = parseSpec(spec, how)
  return async ({ path, status }) => {
    const isPlainFile = call.has('R') && !status.isDirectory()
    if (!isPlainFile) await call.fs.setAcl(path, entries, { how })
    else if (entries.access !== undefined) await call.fs.setAcl(path, { access: entries.access }, { how })
  }
}

function parseSpec(spec: string, how: AclChange): ReturnType<typeof parseAcl> {
  try {
    return parseAcl(spec, how)
  } catch (error) {
    throw isFsError(error, 'INVALID_ARGUMENT') ? wrong(error.message) : error
  }
}

export const commands = [getfacl, setfacl]
