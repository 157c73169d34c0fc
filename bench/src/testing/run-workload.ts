/** A workload end to end with very little work, and what must hold of every report. Test only. */
import { readFileSync } from 'node:fs'
import { COMMON_OPTIONS } from '../common-options.ts'
import { runWorkload } from '../main.ts'
import { parseOptions } from '../options.ts'
import { type Report, tableLines } from '../report/report.ts'
import { WORKLOADS } from '../workloads/table.ts'

const docs = readFileSync(new URL('../../../docs/bench.md', import.meta.url), 'utf8')

/** What is needed of a test. */
interface Judge {
  ok(value: unknown, message: string): unknown
  equal(found: unknown, wanted: unknown, message: string): unknown
  comment(text: string): unknown
}

export async function runSmall(
  t: Judge,
  name: string,
  args: readonly string[],
  tell = (text: string): void => {
    t.comment(text)
  },
): Promise<Report> {
  const entry = WORKLOADS[name]
  if (entry === undefined) throw new Error(`no workload ${name}`)
  const { workload } = await entry()
  const rows = [...workload.options, ...COMMON_OPTIONS]
  const values = parseOptions(rows, ['--calibration', '16', ...args])
  return runWorkload(workload, values, tell)
}

/** It has figures and no errors, and docs/bench.md describes each of them. */
export function checkReport(t: Judge, report: Report): void {
  t.equal(report.metrics.errors ?? 0, 0, 'no errors')
  for (const [name, value] of Object.entries(report.metrics)) {
    t.ok(Number.isFinite(value), `${name} is a number`)
    // Phases in a shared directory have the names of those in private ones.
    const plain = name.replace(/\..*$/, '.').replace(/Shared(?=PerSecond$|$)/, '')
    const documented = docs.includes(`\`${plain}`) || docs.includes(`${plain}\``)
    t.ok(documented, `${name} is described in docs/bench.md`)
  }
  t.ok(tableLines(report).length > 4, 'a table for people')
}
