/**
 * The journals of mounts in a home's run folder: what their daemons have answered and the namenode may not
 * have yet. Each names the process that it belongs to.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { readJournal } from '@hopbine/client/leases/journal.ts'
import type { HomeLayout } from '../home/layout.ts'
import { ownIdentity, type ProcessIdentity, stateOf } from '../up/process-identity.ts'
import { namesIn } from './mount-state.ts'

/** Where a daemon that starts now writes, under a name that no other has. */
export function newJournal(layout: HomeLayout): { readonly path: string; readonly owner: string } {
  mkdirSync(layout.runFolder, { recursive: true, mode: 0o700 })
  const path = join(layout.runFolder, `mount-${randomBytes(6).toString('hex')}.journal`)
  return { path, owner: JSON.stringify(ownIdentity()) }
}

/** Journals whose daemons are gone. One without a sound beginning was never used, or is being begun. */
export function deadJournals(layout: HomeLayout): string[] {
  const names = namesIn(layout.runFolder).filter(name => /^mount-[0-9a-f]+\.journal$/.test(name))
  return names
    .map(name => join(layout.runFolder, name))
    .filter(path => {
      const owner = readJournal(path)?.head.owner
      return owner !== undefined && stateOf(JSON.parse(owner) as ProcessIdentity) === 'gone'
    })
}
