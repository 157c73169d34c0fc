/**
 * The top-level commands: name and sentence for the overview, and where each one is loaded from when it is
 * used.
 */
import type { Command } from '../options/command.ts'

export interface CommandRow {
  readonly name: string
  readonly sentence: string
  load(): Promise<{ readonly command: Command }>
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'up',
    sentence: 'Start everything on this machine.',
    load: () => import('./up.ts'),
  },
  {
    name: 'namenode',
    sentence: 'Start one namenode.',
    load: () => import('./namenode.ts'),
  },
  {
    name: 'datanode',
    sentence: 'Start one datanode.',
    load: () => import('./datanode.ts'),
  },
  {
    name: 'mount',
    sentence: 'Mount a directory of Hopbine on a directory of this machine.',
    load: () => import('./mount.ts'),
  },
  {
    name: 'umount',
    sentence: 'Unmount it and wait until everything is saved.',
    load: () => import('./umount.ts'),
  },
  {
    name: 'mounts',
    sentence: 'List what is mounted, with counts and times per operation.',
    load: () => import('./mounts.ts'),
  },
  {
    name: 'doctor',
    sentence: 'Say what is wrong with an installation and what to do about it.',
    load: () => import('./doctor.ts'),
  },
]

/** Commands that hold further commands, by the words for the overview. */
export const GROUPS = {
  fs: "Work with files, in the words of Hadoop's shell: hopbine fs -ls /",
  admin: 'Look after an installation: hopbine admin status',
  bench: 'Measure this machine or an installation: hopbine bench spotify',
} as const
