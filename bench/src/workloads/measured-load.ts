/** One load with the namenode's meters around it. */
import { meterServer, type ServerUse } from '../cluster/server-meter.ts'
import { BenchError } from '../failure.ts'
import type { Order, Totals } from '../load/fleet.ts'
import type { Bench } from './workload.ts'

export interface Measured {
  readonly totals: Totals
  readonly use: ServerUse
}

export async function measureLoad(bench: Bench, order: Order): Promise<Measured> {
  let stopMeter: (() => Promise<ServerUse>) | undefined
  let use: ServerUse | undefined
  const totals = await bench.fleet.run(order, {
    async onBegin() {
      stopMeter = await meterServer(bench.cluster)
    },
    async onEnd() {
      use = await stopMeter?.()
    },
  })
  if (use === undefined) throw new BenchError('the load ended before it began')
  for (const failure of totals.failures) bench.note(`failed: ${failure}`)
  return { totals, use }
}
