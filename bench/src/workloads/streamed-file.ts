/** One phase of a large file with the CPU time of every process that took part. */
import { BenchError } from '../failure.ts'
import type { StreamSpec } from '../load/kinds/stream.ts'
import { cpuMicrosOf, memoryOf } from '../machine/process-usage.ts'
import type { Bench } from './workload.ts'

export interface Streamed {
  readonly mebibytesPerSecond: number
  readonly operationsMillis: number
  /** Of the client, the datanodes and the namenode together. */
  readonly cpuSecondsPerGiB: number
  readonly clientRssPeakBytes: number
}

const MEBIBYTES_PER_GIBIBYTE = 1024

/** Runs it in one generator; a failure ends the workload. */
export async function streamFile(bench: Bench, load: StreamSpec): Promise<Streamed> {
  const pids = [...bench.cluster.pids.values()]
  const used = async (): Promise<number> => {
    const micros = await Promise.all(pids.map(cpuMicrosOf))
    return micros.reduce((sum, one) => sum + one, 0)
  }
  let before = 0
  let after = 0
  const totals = await bench.fleet.run(
    { load, connections: 1, inFlight: 1 },
    {
      async onBegin() {
        before = await used()
      },
      async onEnd() {
        after = await used()
      },
    },
  )
  if (totals.errors > 0) throw new BenchError(`${load.phase} of ${load.path}: ${totals.failures[0]}`)
  const { mebibytes } = load
  const cpuSeconds = (after - before + totals.clientCpuMicros) / 1e6
  return {
    mebibytesPerSecond: (mebibytes * 1000) / totals.elapsedMs,
    operationsMillis: totals.elapsedMs,
    cpuSecondsPerGiB: (cpuSeconds * MEBIBYTES_PER_GIBIBYTE) / mebibytes,
    clientRssPeakBytes: totals.counts.rssPeakBytes ?? 0,
  }
}

/** The highest resident memory that a datanode ever had. */
export async function datanodeRssPeak(bench: Bench): Promise<number> {
  const datanodes = [...bench.cluster.pids].filter(([role]) => role.startsWith('datanode'))
  const peaks = await Promise.all(datanodes.map(async ([, pid]) => (await memoryOf(pid)).peakBytes))
  return Math.max(0, ...peaks)
}
