/** Metrics of a run: flat names and numbers. Names are documented in docs/bench.md and stay. */
import type { ServerUse } from '../cluster/server-meter.ts'
import type { Totals } from '../load/fleet.ts'

export type Metrics = Record<string, number>

/** What must not be hidden by a median: the worst run counts. */
const WORST_COUNTS = /^(errors|lost|wrong|problems)/

/** Median of each metric over several runs of the same workload. */
export function combineRuns(runs: readonly Metrics[]): Metrics {
  const names = new Set(runs.flatMap(run => Object.keys(run)))
  return Object.fromEntries(
    [...names].map(name => {
      const values = runs.map(run => run[name]).filter(value => value !== undefined)
      return [name, WORST_COUNTS.test(name) ? Math.max(...values) : median(values)]
    }),
  )
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle] as number
  return ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/** Throughput, errors and times by kind, and the server's CPU and fsyncs per operation. */
export function loadMetrics(totals: Totals, use: ServerUse): Metrics {
  const { operations, elapsedMs, errors } = totals
  const per = (amount: number): number => (operations === 0 ? 0 : amount / operations)
  const metrics: Metrics = {
    opsPerSecond: (operations * 1000) / elapsedMs,
    operations,
    errors,
    serverCpuMicrosPerOp: per(use.cpuMicros),
    serverCpuShare: use.cpuMicros / (elapsedMs * 1000),
    clientCpuMicrosPerOp: per(totals.clientCpuMicros),
    fsyncsPerOp: per(use.fsyncs),
    otherCpuShare: otherCpuShare(totals, use),
  }
  for (const [name, { histogram, errors: kindErrors }] of totals.kinds) {
    if (histogram.count === 0 && kindErrors === 0) continue
    metrics[`operationsByKind.${name}`] = histogram.count
    if (kindErrors > 0) metrics[`errorsByKind.${name}`] = kindErrors
    for (const [label, share] of QUANTILES) {
      metrics[`${label}MillisByKind.${name}`] = histogram.quantileMillis(share)
    }
  }
  return metrics
}

/** What else the machine did, in cores; clocks of the kernel are coarse, so it is never below 0. */
export function otherCpuShare({ elapsedMs, clientCpuMicros }: Totals, use: ServerUse): number {
  return Math.max(0, (use.machineMicros - use.cpuMicros - clientCpuMicros) / (elapsedMs * 1000))
}

const QUANTILES = [
  ['p50', 0.5],
  ['p95', 0.95],
  ['p99', 0.99],
] as const
