/** The top-level commands: name and sentence for the overview, and where each one is loaded from when it is used. */
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
]
