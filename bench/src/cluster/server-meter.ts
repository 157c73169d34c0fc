/** What the namenodes used during a measurement: CPU time of all, and fsyncs of the one that leads. */
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
  const pids = cluster.namenodePids
  const cpuOfAll = async (): Promise<number> => {
    const each = await Promise.all(pids.map(cpuMicrosOf))
    return each.reduce((sum, micros) => sum + micros, 0)
  }
  const { fsyncs } = await cluster.status()
  const machineMicros = await machineBusyMicros()
  const cpuMicros = await cpuOfAll()
  return async () => {
    const used = {
      cpuMicros: (await cpuOfAll()) - cpuMicros,
      machineMicros: (await machineBusyMicros()) - machineMicros,
    }
    return { ...used, fsyncs: (await cluster.status()).fsyncs - fsyncs }
  }
}
