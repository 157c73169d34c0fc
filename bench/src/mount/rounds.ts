/**
 * Runs the workloads in all directories, workload by workload, another directory first each time, so that
 * what else the machine does meanwhile falls on all of them.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { BenchError } from '../failure.ts'
import { dropCaches } from '../machine/drop-caches.ts'
import type { Metrics } from '../report/metrics.ts'
import { runProgram } from './program.ts'
import type { Sizes } from './sizes.ts'
import type { Source } from './source.ts'
import { serverMicros, type Target, untilQuiet } from './target.ts'
import type { MountWorkload, Place } from './workload.ts'

export interface Plan {
  readonly targets: readonly Target[]
  readonly workloads: readonly MountWorkload[]
  readonly sizes: Sizes
  readonly source: Source
  tell(text: string): void
}

const MICROS_PER_SECOND = 1_000_000

/** Metrics of one round. What fails in one directory is told, counted there, and left out. */
export async function runRound(plan: Plan, round: number): Promise<Metrics> {
  const { targets, workloads, source, sizes, tell } = plan
  const name = `hopbine-bench-${randomBytes(3).toString('hex')}`
  const places = targets.map(target => ({
    target,
    place: { folder: join(target.directory, name), source, sizes },
  }))
  const metrics: Metrics = { errors: 0 }
  try {
    for (const { place } of places) await mkdir(place.folder)
    for (const [index, workload] of workloads.entries()) {
      for (let turn = 0; turn < places.length; turn++) {
        const next = places[(turn + index + round) % places.length] as (typeof places)[number]
        Object.assign(metrics, await measure(workload, next.target, next.place, tell))
      }
    }
  } finally {
    for (const { place } of places) await rm(place.folder, { recursive: true, force: true })
  }
  const failed = Object.keys(metrics).filter(key => key.startsWith('errorsOf.'))
  return { ...metrics, errors: failed.length }
}

async function measure(
  workload: MountWorkload,
  target: Target,
  place: Place,
  tell: (text: string) => void,
): Promise<Metrics> {
  const about = `${workload.name}.${target.name}`
  try {
    await workload.prepare?.(place)
    await runProgram(['sync'], '/')
    await untilQuiet(target)
    if (workload.isCold === true) await dropCaches()
    const before = await serverMicros(target)
    const { elapsedMs, operations, cpuMicros } = await workload.run(place)
    // Work that was put off until after the answer is paid for, too.
    await untilQuiet(target)
    const servers = (await serverMicros(target)) - before
    const figure =
      workload.figure === 'seconds'
        ? { [`seconds.${about}`]: elapsedMs / 1000 }
        : { [`perSecond.${about}`]: (operations * 1000) / elapsedMs }
    return {
      ...figure,
      [`serverCpuSeconds.${about}`]: servers / MICROS_PER_SECOND,
      [`clientCpuSeconds.${about}`]: cpuMicros / MICROS_PER_SECOND,
      [`serverCpuMicrosPerOp.${about}`]: servers / operations,
    }
  } catch (error) {
    if (!(error instanceof BenchError)) throw error
    tell(`${workload.name} failed in ${target.name}: ${error.message}`)
    return { [`errorsOf.${about}`]: 1 }
  }
}
