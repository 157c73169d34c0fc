/** The loads that a generator knows, by the name in their description. */
import type { Load } from '../load.ts'
import type { Job } from '../messages.ts'
import type { CrashSpec } from './crash.ts'
import type { FillSpec } from './fill.ts'
import type { MdtestSpec } from './mdtest.ts'
import type { SmallfilesSpec } from './smallfiles.ts'
import type { SpotifySpec } from './spotify.ts'
import type { StreamSpec } from './stream.ts'

export type LoadSpec = CrashSpec | FillSpec | MdtestSpec | SmallfilesSpec | SpotifySpec | StreamSpec

/** Only the module of the load that is asked for is read. */
export async function makeLoad(job: Job): Promise<Load> {
  const { load } = job
  switch (load.name) {
    case 'crash':
      return (await import('./crash.ts')).crashLoad(load, job)
    case 'fill':
      return (await import('./fill.ts')).fillLoad(load, job)
    case 'mdtest':
      return (await import('./mdtest.ts')).mdtestLoad(load, job)
    case 'smallfiles':
      return (await import('./smallfiles.ts')).smallfilesLoad(load, job)
    case 'spotify':
      return (await import('./spotify.ts')).spotifyLoad(load, job)
    case 'stream':
      return (await import('./stream.ts')).streamLoad(load, job)
  }
}
