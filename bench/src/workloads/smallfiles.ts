/** `smallfiles`: whole files of 1 to 64 KiB, one round trip for each write and each read. */
import { type Metrics, otherCpuShare } from '../report/metrics.ts'
import { removeTree } from './filled-tree.ts'
import { type Measured, measureLoad } from './measured-load.ts'
import { type Bench, defineWorkload } from './workload.ts'

const options = [
  {
    name: 'sizes',
    type: 'counts',
    minimum: 1,
    default: [1, 4, 10, 16, 64],
    sentence: 'Sizes in KiB, at most 64.',
  },
  { name: 'files', type: 'count', minimum: 1, default: 20_000, sentence: 'Files of each size.' },
  { name: 'connections', type: 'count', minimum: 1, sentence: 'Connections in total. Default one a client.' },
  { name: 'in-flight', type: 'count', minimum: 1, default: 64, sentence: 'Calls in flight in total.' },
] as const

export const workload = defineWorkload({
  name: 'smallfiles',
  sentence: 'Write and read whole files of 1 to 64 KiB.',
  options,
  datanodes: () => 0,
  mustOwn: false,
  async measure(bench, values, repetition) {
    const metrics: Metrics = { errors: 0 }
    for (const size of values.sizes) {
      const base = `/bench-smallfiles-${bench.run}${repetition}-${size}`
      for (const phase of ['write', 'read'] as const) {
        const measured = await measureLoad(bench, `smallfiles-${size}-${phase}`, {
          load: {
            name: 'smallfiles',
            phase,
            base,
            files: Math.ceil(values.files / bench.fleet.size),
            bytes: size * 1024,
          },
          connections: values.connections ?? bench.fleet.size,
          inFlight: values['in-flight'],
        })
        metrics.errors = (metrics.errors ?? 0) + measured.totals.errors
        Object.assign(metrics, phaseMetrics(phase, size, measured))
        const others = otherCpuShare(measured.totals, measured.use)
        metrics.otherCpuShare = Math.max(metrics.otherCpuShare ?? 0, others)
      }
      await clean(bench, base)
    }
    return metrics
  },
})

function phaseMetrics(phase: 'write' | 'read', size: number, { totals, use }: Measured): Metrics {
  const { operations, elapsedMs } = totals
  const perSecond = (operations * 1000) / elapsedMs
  const titled = phase === 'write' ? 'Write' : 'Read'
  const histogram = totals.kinds.get(phase)?.histogram
  return {
    [`${phase}sPerSecond.${size}`]: perSecond,
    [`${phase}MiBPerSecond.${size}`]: (perSecond * size) / 1024,
    [`serverCpuMicrosPer${titled}.${size}`]: use.cpuMicros / operations,
    [`fsyncsPer${titled}.${size}`]: use.fsyncs / operations,
    [`p50MillisByKind.${phase}${size}KiB`]: histogram?.quantileMillis(0.5) ?? 0,
    [`p99MillisByKind.${phase}${size}KiB`]: histogram?.quantileMillis(0.99) ?? 0,
  }
}

async function clean(bench: Bench, base: string): Promise<void> {
  if (!bench.keep) await removeTree(bench, base)
}
