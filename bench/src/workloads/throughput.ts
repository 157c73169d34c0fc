/**
 * `throughput`: one large file, written with a sync at its end, read cold and read warm, each beside the same
 * bytes in a plain file on the same disk. Caches are dropped before each side of the cold reads.
 */
import { dropCaches } from '../machine/drop-caches.ts'
import { measureRawDisk } from '../machine/raw-disk.ts'
import type { Metrics } from '../report/metrics.ts'
import { removeTree } from './filled-tree.ts'
import { datanodeRssPeak, streamFile } from './streamed-file.ts'
import { defineWorkload } from './workload.ts'

const options = [
  { name: 'mebibytes', type: 'count', minimum: 1, default: 1024, sentence: 'Size of the file in MiB.' },
  {
    name: 'datanodes',
    type: 'count',
    minimum: 1,
    default: 1,
    sentence: 'Datanodes, where they are started.',
  },
  { name: 'replication', type: 'count', default: 1, sentence: 'Copies of each block.' },
  { name: 'no-cold', type: 'flag', sentence: 'Leave out the cold reads, which need root.' },
] as const

export const workload = defineWorkload({
  name: 'throughput',
  sentence: 'Write and read one large file, with the raw disk beside it.',
  options,
  datanodes: values => values.datanodes,
  mustOwn: false,
  async measure(bench, values) {
    const { mebibytes, replication } = values
    const cold = !values['no-cold']
    const path = `/bench-throughput-${bench.run}`
    const file = { name: 'stream', path, mebibytes, replication, overwrites: 0 } as const
    const raw = await measureRawDisk(bench.cluster.home.path, mebibytes, cold)
    const written = await streamFile(bench, { ...file, phase: 'write' })
    if (cold) await dropCaches()
    const coldRead = cold ? await streamFile(bench, { ...file, phase: 'read' }) : undefined
    const warmRead = await streamFile(bench, { ...file, phase: 'read' })
    await streamFile(bench, { ...file, phase: 'verify' })
    await removeTree(bench, path)

    const rawRate = (millis: number): number => (mebibytes * 1000) / millis
    const metrics: Metrics = {
      errors: 0,
      writeMiBPerSecond: written.mebibytesPerSecond,
      warmReadMiBPerSecond: warmRead.mebibytesPerSecond,
      rawWriteMiBPerSecond: rawRate(raw.writeMillis),
      rawWarmReadMiBPerSecond: rawRate(raw.warmReadMillis),
      rawWriteRatio: written.mebibytesPerSecond / rawRate(raw.writeMillis),
      rawWarmReadRatio: warmRead.mebibytesPerSecond / rawRate(raw.warmReadMillis),
      writeCpuSecondsPerGiB: written.cpuSecondsPerGiB,
      warmReadCpuSecondsPerGiB: warmRead.cpuSecondsPerGiB,
      clientRssPeakBytes: warmRead.clientRssPeakBytes,
      datanodeRssPeakBytes: await datanodeRssPeak(bench),
    }
    if (coldRead === undefined || raw.coldReadMillis === undefined) return metrics
    return {
      ...metrics,
      coldReadMiBPerSecond: coldRead.mebibytesPerSecond,
      rawColdReadMiBPerSecond: rawRate(raw.coldReadMillis),
      rawColdReadRatio: coldRead.mebibytesPerSecond / rawRate(raw.coldReadMillis),
      coldReadCpuSecondsPerGiB: coldRead.cpuSecondsPerGiB,
    }
  },
})
