/**
 * Changes files while servers are killed, and remembers what was acknowledged; afterwards compares everything
 * with what is there. Each slot in flight is alone in a directory of its own, so an answer that contradicts
 * what it did before is wrong, also when the answer belongs to a retry.
 */
import type { FileSystem } from '@hopbine/client/index.ts'
import type { Load } from '../load.ts'
import type { Job } from '../messages.ts'
import { CRASH_KINDS, CrashSlot } from './crash-slot.ts'
import { emptyCounts } from './crash-verify.ts'
import { connect } from './stream.ts'

export interface CrashSpec {
  readonly name: 'crash'
  readonly base: string
  /** Copies of each block. */
  readonly replication: number
  /** Largest single write, in KiB; what is over 64 lies in blocks. */
  readonly kibibytesMax: number
}

export function crashLoad(spec: CrashSpec, job: Job): Load {
  const slots: CrashSlot[] = []
  const counts = emptyCounts()
  let fs: FileSystem | undefined
  return {
    kinds: CRASH_KINDS,
    async prepare() {
      fs = await connect(job)
      for (let slot = 0; slot < job.inFlight; slot++) {
        const folder = `${spec.base}/${job.generator}-${slot}`
        slots.push(new CrashSlot(fs, spec, folder, job.seed * 1000 + slot, counts))
        await fs.mkdirs(folder)
      }
    },
    next(slot) {
      return slots[slot]?.next()
    },
    async finish() {
      for (const slot of slots) await slot.verify()
      fs?.close()
    },
    counts: () => ({ ...counts }),
  }
}
