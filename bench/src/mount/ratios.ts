/** Figures beside those of the first directory, as numbers and as a table. */
import type { Metrics } from '../report/metrics.ts'
import { columns, numberText } from '../report/report.ts'
import type { Target } from './target.ts'
import type { MountWorkload } from './workload.ts'

/** `ratio.WORKLOAD.NAME`: figure by that of the first directory, so of times and of rates alike. */
export function withRatios(
  metrics: Metrics,
  workloads: readonly MountWorkload[],
  targets: readonly Target[],
): Metrics {
  const ratios: Metrics = {}
  for (const { name, figure } of workloads) {
    const first = metrics[`${figure}.${name}.${targets[0]?.name}`]
    for (const target of targets.slice(1)) {
      const value = metrics[`${figure}.${name}.${target.name}`]
      if (first !== undefined && value !== undefined) ratios[`ratio.${name}.${target.name}`] = value / first
    }
  }
  return { ...metrics, ...ratios }
}

/** One line for each workload and directory. */
export function mountTable(
  metrics: Metrics,
  workloads: readonly MountWorkload[],
  targets: readonly Target[],
): string[] {
  const first = targets[0]?.name ?? ''
  const head = [
    'workload',
    'directory',
    'figure',
    'unit',
    `by ${first}`,
    'server CPU s',
    'us/op',
    'client CPU s',
  ]
  const rows = workloads.flatMap(({ name, figure }) =>
    targets.map((target, index) => {
      const cell = (metric: string): string => {
        const value = metrics[`${metric}.${name}.${target.name}`]
        return value === undefined ? '' : numberText(value)
      }
      const hasFailed = metrics[`errorsOf.${name}.${target.name}`] !== undefined
      return [
        index === 0 ? name : '',
        target.name,
        hasFailed ? 'failed' : cell(figure),
        figure === 'seconds' ? 's' : '/s',
        cell('ratio'),
        ...[cell('serverCpuSeconds'), cell('serverCpuMicrosPerOp'), cell('clientCpuSeconds')],
      ]
    }),
  )
  return columns([head, ...rows])
}
