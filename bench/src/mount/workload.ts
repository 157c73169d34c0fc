/** What is done in one directory, and where. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Acted } from './actors.ts'
import type { Sizes } from './sizes.ts'
import type { Source } from './source.ts'

/** Where one round works in one directory; nothing outside `folder` is touched. */
export interface Place {
  readonly folder: string
  readonly source: Source
  readonly sizes: Sizes
}

export interface MountWorkload {
  readonly name: string
  readonly sentence: string
  /** Whether its time is told, or its operations by second. */
  readonly figure: 'seconds' | 'perSecond'
  /** What keeps it from being measured on this machine; undefined if nothing does. */
  hindrance?(): string | undefined
  /** The kernel's caches are dropped before. */
  readonly isCold?: true
  /** Makes what an earlier workload leaves, where it did not run. Not measured. */
  prepare?(place: Place): Promise<unknown>
  run(place: Place): Promise<Acted>
}

/** Makes `name` in the place unless it is there. */
export async function need(place: Place, name: string, make: () => Promise<unknown>): Promise<void> {
  if (!existsSync(join(place.folder, name))) await make()
}
