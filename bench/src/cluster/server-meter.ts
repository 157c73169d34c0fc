/** What the namenode used during a measurement: CPU time and fsyncs. */
import { cpuMicrosOf } from '../machine/process-usage.ts'
import type { ProcessCluster } from './processes.ts'

export interface ServerUse {
  readonly cpuMicros: number
  readonly fsyncs: number
}

/** Reads the meters now; the function that it returns reads them again and tells the difference. */
export async function meterServer(cluster: ProcessCluster): Promise<() => Promise<ServerUse>> {
  const pid = cluster.pidOf('namenode')
  const { fsyncs } = await cluster.status()
  const cpuMicros = await cpuMicrosOf(pid)
  return async () => {
    const used = (await cpuMicrosOf(pid)) - cpuMicros
    return { cpuMicros: used, fsyncs: (await cluster.status()).fsyncs - fsyncs }
  }
}
