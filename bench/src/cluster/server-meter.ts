/** What the namenode used during a measurement: CPU time and fsyncs. */
import { cpuMicrosOf, machineBusyMicros } from '../machine/process-usage.ts'
import type { ProcessCluster } from './processes.ts'

export interface ServerUse {
  readonly cpuMicros: number
  readonly fsyncs: number
  /** CPU time of the whole machine in the same time. */
  readonly machineMicros: number
}

/** Reads the meters now; the function that it returns reads them again and tells the difference. */
export async function meterServer(cluster: ProcessCluster): Promise<() => Promise<ServerUse>> {
  const pid = cluster.pidOf('namenode')
  const { fsyncs } = await cluster.status()
  const machineMicros = await machineBusyMicros()
  const cpuMicros = await cpuMicrosOf(pid)
  return async () => {
    const used = {
      cpuMicros: (await cpuMicrosOf(pid)) - cpuMicros,
      machineMicros: (await machineBusyMicros()) - machineMicros,
    }
    return { ...used, fsyncs: (await cluster.status()).fsyncs - fsyncs }
  }
}
