/**
 * How many namenodes a home has, and the founding of their group, which happens once: all members are founded
 * with the same first facts before any of them starts, and the facts are forgotten then.
 */
import { existsSync, readdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import {
  drawFirstFacts,
  type FirstFacts,
  foundMember,
  readMembership,
} from '@hopbine/namenode/server/membership.ts'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from './layout.ts'
import { readIfThere } from './secrets.ts'
import { writeWhole } from './write-whole.ts'

interface GroupFile {
  readonly namenodes: number
  /** Present until all members are founded. */
  readonly founding?: FirstFacts
}

/** How many namenodes `up` starts: as many as before, or as were asked for at first. Throws CommandError. */
export function namenodeCount(layout: HomeLayout, asked: number | undefined): number {
  const existing = readGroup(layout)?.namenodes ?? (existsSync(layout.namenodeFolder) ? 1 : undefined)
  const count = asked ?? existing ?? 1
  if (existing !== undefined && count !== existing) {
    const what = `${layout.home} was made for ${existing} ${existing === 1 ? 'namenode' : 'namenodes'}`
    throw new CommandError(`${what}: start it without --namenodes, or give another --home DIR`)
  }
  if (count % 2 === 0) {
    const what = `${count} namenodes survive no more failures than ${count - 1}`
    throw new CommandError(`${what}: give --namenodes ${count - 1} or ${count + 1}`)
  }
  return count
}

/** Founds the group of a new home; nothing where that was done. Call it while holding the home's lock. */
export function foundGroup(layout: HomeLayout, namenodes: number): void {
  const known = readGroup(layout)
  if (known !== undefined && known.founding === undefined) return
  const first = known?.founding ?? drawFirstFacts(userInfo().username, Math.floor(Date.now() / 1000))
  writeGroup(layout, { namenodes, founding: first })
  const voters = Array.from({ length: namenodes }, (_, index) => index + 1)
  for (const self of voters) {
    const folder = layout.memberFolder(self)
    // An `up` that was broken off may have founded some of them; none of them has started since.
    if (readMembership(folder) === undefined) foundMember(folder, { self, voters, first })
  }
  writeGroup(layout, { namenodes })
}

function readGroup(layout: HomeLayout): GroupFile | undefined {
  const text = readIfThere(layout.groupFile)
  if (text === undefined) {
    const left = readdirSync(layout.home).filter(name => /^namenode-\d+$/.test(name))
    if (left.length === 0) return undefined
    throw new CommandError(`${layout.groupFile} is missing beside ${left.join(', ')}: put it back`)
  }
  try {
    return JSON.parse(text) as GroupFile
  } catch (error) {
    throw new CommandError(`${layout.groupFile} is damaged (${(error as Error).message}): put it back`)
  }
}

function writeGroup(layout: HomeLayout, group: GroupFile): void {
  writeWhole(layout.groupFile, `${JSON.stringify(group, undefined, 2)}\n`, 0o600)
}
