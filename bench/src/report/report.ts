/** A finished run as its readers get it: one JSON object for programs, a table for people. */
import type { Machine } from '../machine/calibration.ts'
import { HDFS } from './baseline.ts'
import type { Metrics } from './metrics.ts'

export interface Report {
  readonly workload: string
  readonly options: Readonly<Record<string, unknown>>
  readonly machine: Machine
  readonly metrics: Metrics
}

/** The report as a file that people compare: one metric a line, lists of numbers on one. */
export function fileText(report: Report): string {
  const text = JSON.stringify(report, undefined, 2)
  const onOneLine = (_: string, numbers: string): string => `[${numbers.trim().replaceAll(/\s+/g, ' ')}]`
  return `${text.replaceAll(/\[([\d\s,]+)\]/g, onOneLine)}\n`
}

const BY_KIND = /^(?<metric>\w+)ByKind\.(?<kind>.+)$/

/** Lines of the table: single metrics with HDFS beside them, then one line for each kind of operation. */
export function tableLines(report: Report): string[] {
  const { workload, metrics } = report
  const baseline = HDFS[workload] ?? {}
  const single: string[][] = [['metric', 'Hopbine', 'HDFS 3.4.1']]
  const byKind = new Map<string, Metrics>()
  for (const [name, value] of Object.entries(metrics)) {
    const groups = BY_KIND.exec(name)?.groups
    if (groups === undefined) single.push([name, numberText(value), baseline[name] ?? ''])
    else byKind.set(groups.kind ?? '', { ...byKind.get(groups.kind ?? ''), [groups.metric ?? '']: value })
  }
  return [
    ...headLines(report),
    '',
    ...columns(single),
    ...(byKind.size === 0 ? [] : ['', ...columns(kindRows(byKind))]),
  ]
}

/** What was run, and where. */
export function headLines({ workload, options, machine }: Report): string[] {
  return [`${workload}  ${optionText(options)}`, machineText(machine)]
}

function kindRows(byKind: ReadonlyMap<string, Metrics>): string[][] {
  const metrics = [...new Set([...byKind.values()].flatMap(row => Object.keys(row)))]
  const rows = [...byKind].map(([kind, row]) => [
    kind,
    ...metrics.map(metric => (row[metric] === undefined ? '' : numberText(row[metric]))),
  ])
  return [['kind', ...metrics], ...rows]
}

/** Cells in columns, numbers to the right. */
export function columns(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map(row => (row[at] ?? '').length)))
  return rows.map(row =>
    row
      .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

function optionText(options: Readonly<Record<string, unknown>>): string {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `--${name}${value === true ? '' : ` ${value}`}`)
    .join(' ')
}

function machineText(machine: Machine): string {
  const gibibytes = Math.round(machine.memoryBytes / 2 ** 30)
  return [
    `${machine.cores} x ${machine.cpuModel}, ${gibibytes} GiB, Linux ${machine.kernel}, Node ${machine.node}`,
    `load ${machine.loadAverage.toFixed(2)}`,
    `sha256 ${numberText(machine.sha256MillisPerGiB)} ms/GiB`,
    `fdatasync ${numberText(machine.fdatasyncMicrosMedian)} us`,
  ].join(' · ')
}

/** Three digits that matter, thousands grouped. */
export function numberText(value: number): string {
  const size = Math.abs(value)
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US')
  if (size >= 10) return value.toFixed(1)
  if (size >= 1) return value.toFixed(2)
  return size === 0 ? '0' : value.toPrecision(3)
}
