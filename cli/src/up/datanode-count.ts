/** How many datanodes `up` starts: as many as were asked for, never fewer than hold data. */
import { readdirSync } from 'node:fs'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from '../home/layout.ts'

export function datanodeCount(layout: HomeLayout, asked: number | undefined): number {
  const existing = highestDatanode(layout)
  if (asked === undefined) return Math.max(existing, 1)
  if (asked < existing) {
    throw new CommandError(
      `${layout.home} holds the data of ${existing} datanodes: start with --datanodes ${existing} or more`,
    )
  }
  return asked
}

function highestDatanode(layout: HomeLayout): number {
  const numbers = readdirSync(layout.home).map(name => Number(/^datanode-([1-9]\d*)$/.exec(name)?.[1] ?? 0))
  return Math.max(0, ...numbers)
}
