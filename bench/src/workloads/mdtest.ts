/**
 * `mdtest`: create, stat, read, rename and remove empty files, in private directories and in one shared
 * directory.
 */
import { MDTEST_PHASES } from '../load/kinds/mdtest.ts'
import { type Metrics, otherCpuShare } from '../report/metrics.ts'
import { removeTree } from './filled-tree.ts'
import { measureLoad } from './measured-load.ts'
import { defineWorkload } from './workload.ts'

const options = [
  { name: 'files', type: 'count', minimum: 1, default: 50_000, sentence: 'Files of all clients together.' },
  {
    name: 'layout',
    type: 'choice',
    choices: ['private', 'shared', 'both'],
    default: 'both',
    sentence: 'A directory for each call in flight, or one for all.',
  },
  {
    name: 'create',
    type: 'choice',
    choices: ['two-calls', 'inline'],
    default: 'two-calls',
    sentence: 'How a file is made.',
  },
  { name: 'phases', type: 'text', default: MDTEST_PHASES.join(','), sentence: 'Which, in this order.' },
  { name: 'connections', type: 'count', minimum: 1, sentence: 'Connections in total. Default one a client.' },
  { name: 'in-flight', type: 'count', minimum: 1, default: 64, sentence: 'Calls in flight in total.' },
] as const

export const workload = defineWorkload({
  name: 'mdtest',
  sentence: 'Create, stat, read, rename and remove, phase by phase.',
  options,
  datanodes: () => 0,
  mustOwn: false,
  async measure(bench, values, repetition) {
    const metrics: Metrics = { errors: 0 }
    const phases = values.phases.split(',')
    for (const layout of ['private', 'shared'] as const) {
      if (values.layout !== layout && values.layout !== 'both') continue
      const base = `/bench-mdtest-${bench.run}${repetition}-${layout}`
      const suffix = layout === 'private' ? '' : 'Shared'
      for (const phase of MDTEST_PHASES) {
        if (!phases.includes(phase)) continue
        const files = Math.ceil(values.files / bench.fleet.size)
        const { totals, use } = await measureLoad(bench, `mdtest-${phase}-${layout}`, {
          load: { name: 'mdtest', phase, base, layout, files, create: values.create },
          connections: values.connections ?? bench.fleet.size,
          inFlight: values['in-flight'],
        })
        metrics.errors = (metrics.errors ?? 0) + totals.errors
        Object.assign(metrics, phaseMetrics(`${phase}${suffix}`, totals, use))
        metrics.otherCpuShare = Math.max(metrics.otherCpuShare ?? 0, otherCpuShare(totals, use))
      }
      await removeTree(bench, base)
    }
    return metrics
  },
})

type Measured = Awaited<ReturnType<typeof measureLoad>>

function phaseMetrics(name: string, totals: Measured['totals'], use: Measured['use']): Metrics {
  const { operations, elapsedMs } = totals
  const titled = `${name[0]?.toUpperCase()}${name.slice(1)}`
  const histogram = [...totals.kinds.values()][0]?.histogram
  return {
    [`${name}PerSecond`]: (operations * 1000) / elapsedMs,
    [`serverCpuMicrosPer${titled}`]: use.cpuMicros / operations,
    [`clientCpuMicrosPer${titled}`]: totals.clientCpuMicros / operations,
    [`fsyncsPer${titled}`]: use.fsyncs / operations,
    [`p50MillisByKind.${name}`]: histogram?.quantileMillis(0.5) ?? 0,
    [`p95MillisByKind.${name}`]: histogram?.quantileMillis(0.95) ?? 0,
    [`p99MillisByKind.${name}`]: histogram?.quantileMillis(0.99) ?? 0,
  }
}
