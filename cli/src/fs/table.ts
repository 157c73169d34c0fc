/** The commands of `hopbine fs` by name, and the file each is loaded from when it is used. */
import type { FsCommand } from './command.ts'

interface FsFamily {
  readonly names: readonly string[]
  load(): Promise<{ readonly commands: readonly FsCommand[] }>
}

export const FAMILIES: readonly FsFamily[] = [
  { names: ['ls'], load: () => import('./ls.ts') },
  { names: ['put', 'copyFromLocal', 'moveFromLocal'], load: () => import('./put.ts') },
  { names: ['get', 'copyToLocal'], load: () => import('./get.ts') },
  { names: ['getmerge'], load: () => import('./getmerge.ts') },
  { names: ['cat', 'text', 'head', 'tail'], load: () => import('./cat.ts') },
  { names: ['checksum'], load: () => import('./checksum.ts') },
  { names: ['cp'], load: () => import('./cp.ts') },
  { names: ['appendToFile'], load: () => import('./append.ts') },
  { names: ['mkdir'], load: () => import('./mkdir.ts') },
  { names: ['rm', 'rmdir', 'expunge'], load: () => import('./remove.ts') },
  { names: ['mv'], load: () => import('./mv.ts') },
  { names: ['du', 'count', 'df'], load: () => import('./usage.ts') },
  { names: ['stat'], load: () => import('./stat.ts') },
  { names: ['chmod', 'chown', 'chgrp'], load: () => import('./permissions.ts') },
  { names: ['getfacl', 'setfacl'], load: () => import('./acl.ts') },
  { names: ['test'], load: () => import('./test-path.ts') },
  { names: ['touchz', 'touch'], load: () => import('./touch.ts') },
  { names: ['truncate', 'setrep'], load: () => import('./attributes.ts') },
  { names: ['ln'], load: () => import('./ln.ts') },
  { names: ['find'], load: () => import('./find.ts') },
  {
    names: ['setQuota', 'clrQuota', 'setSpaceQuota', 'clrSpaceQuota'],
    load: () => import('./quota.ts'),
  },
  { names: ['sync'], load: () => import('./sync.ts') },
]

/** Undefined where there is no such command. */
export async function findCommand(name: string): Promise<FsCommand | undefined> {
  const family = FAMILIES.find(candidate => candidate.names.includes(name))
  if (family === undefined) return undefined
  const { commands } = await family.load()
  return commands.find(command => command.name === name)
}

/** Every command, in the order of the table. */
export async function allCommands(): Promise<FsCommand[]> {
  const loaded = await Promise.all(FAMILIES.map(family => family.load()))
  return loaded.flatMap(({ commands }) => commands)
}
