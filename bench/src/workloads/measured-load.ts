/** One load with the namenode's meters around it, and on request a profile of where its time went. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { meterServer, type ServerUse } from '../cluster/server-meter.ts'
import { BenchError } from '../failure.ts'
import type { Order, Totals } from '../load/fleet.ts'
import { profileProcess } from '../machine/profiler.ts'
import { type CpuProfile, profileLines } from '../report/profile.ts'
import type { Bench } from './workload.ts'

export interface Measured {
  readonly totals: Totals
  readonly use: ServerUse
}

/** `label` names the load among those of the workload, for the files of profiles. */
export async function measureLoad(bench: Bench, label: string, order: Order): Promise<Measured> {
  let stopMeter: (() => Promise<ServerUse>) | undefined
  let stopProfile: (() => Promise<CpuProfile>) | undefined
  let use: ServerUse | undefined
  const totals = await bench.fleet.run(order, {
    async onBegin() {
      if (bench.profile !== undefined) stopProfile = await profileProcess(bench.profile.inspectPort)
      stopMeter = await meterServer(bench.cluster)
    },
    async onEnd() {
      use = await stopMeter?.()
    },
  })
  if (use === undefined) throw new BenchError('the load ended before it began')
  for (const failure of totals.failures) bench.note(`failed: ${failure}`)
  const profile = await stopProfile?.()
  if (profile !== undefined) await showProfile(bench, label, profile, totals.operations)
  return { totals, use }
}

async function showProfile(
  bench: Bench,
  label: string,
  profile: CpuProfile,
  operations: number,
): Promise<void> {
  const folder = bench.profile?.folder ?? ''
  await mkdir(folder, { recursive: true })
  const path = join(folder, `${label}-${bench.run}.cpuprofile`)
  await writeFile(path, JSON.stringify(profile))
  for (const line of profileLines(path, profile, operations)) bench.note(line)
}
