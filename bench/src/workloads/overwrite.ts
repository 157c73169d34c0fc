/**
 * `overwrite`: random pieces of 4 KiB written over a large file, and how much slower it reads from end to end
 * afterwards. Every byte is compared with what was written.
 */
import { dropCaches } from '../machine/drop-caches.ts'
import { memoryOf } from '../machine/process-usage.ts'
import type { Metrics } from '../report/metrics.ts'
import { removeTree } from './filled-tree.ts'
import { type Streamed, streamFile } from './streamed-file.ts'
import { type Bench, defineWorkload } from './workload.ts'

const options = [
  { name: 'mebibytes', type: 'count', minimum: 1, default: 1024, sentence: 'Size of the file in MiB.' },
  { name: 'overwrites', type: 'count', minimum: 1, default: 100_000, sentence: 'Pieces written over it.' },
  { name: 'no-cold', type: 'flag', sentence: 'Leave out the cold reads, which need root.' },
] as const

export const workload = defineWorkload({
  name: 'overwrite',
  sentence: 'Random 4 KiB writes over a large file, and reading it afterwards.',
  options,
  datanodes: () => 1,
  mustOwn: false,
  async measure(bench, values) {
    const { mebibytes, overwrites } = values
    const cold = !values['no-cold']
    const path = `/bench-overwrite-${bench.run}`
    const file = { name: 'stream', path, mebibytes, replication: 1, overwrites } as const
    await streamFile(bench, { ...file, phase: 'write' })
    const fresh = await reads(bench, { ...file, phase: 'read' }, cold)
    const overwritten = await streamFile(bench, { ...file, phase: 'overwrite' })
    const after = await reads(bench, { ...file, phase: 'read' }, cold)
    await streamFile(bench, { ...file, phase: 'verify' })
    const { rssBytes } = await memoryOf(bench.cluster.pidOf('namenode'))
    await removeTree(bench, path)

    const metrics: Metrics = {
      errors: 0,
      overwritesPerSecond: (overwrites * 1000) / overwritten.operationsMillis,
      freshReadMiBPerSecond: fresh.warm.mebibytesPerSecond,
      overwrittenReadMiBPerSecond: after.warm.mebibytesPerSecond,
      overwrittenReadRatio: after.warm.mebibytesPerSecond / fresh.warm.mebibytesPerSecond,
      clientRssPeakBytes: overwritten.clientRssPeakBytes,
      namenodeRssBytes: rssBytes,
    }
    if (fresh.cold === undefined || after.cold === undefined) return metrics
    return {
      ...metrics,
      freshColdReadMiBPerSecond: fresh.cold.mebibytesPerSecond,
      overwrittenColdReadMiBPerSecond: after.cold.mebibytesPerSecond,
      overwrittenColdReadRatio: after.cold.mebibytesPerSecond / fresh.cold.mebibytesPerSecond,
    }
  },
})

async function reads(
  bench: Bench,
  load: Parameters<typeof streamFile>[1],
  cold: boolean,
): Promise<{ cold: Streamed | undefined; warm: Streamed }> {
  if (cold) await dropCaches()
  const first = cold ? await streamFile(bench, load) : undefined
  return { cold: first, warm: await streamFile(bench, load) }
}
