/**
 * Prints what the test runner found: a line per file, failures in full, the closing line. It never decides.
 */
import { inspect } from 'node:util'
import type { Failure, Result } from './run-file.ts'

export function printLine(result: Result): void {
  const verdict = result.failed === 0 ? 'ok  ' : 'FAIL'
  const counts = [
    `${result.passed} passed`,
    ...(result.failed > 0 ? [`${result.failed} failed`] : []),
    ...(result.skipped > 0 ? [`${result.skipped} skipped`] : []),
  ]
  console.log(`${verdict} ${result.seconds.toFixed(1).padStart(6)} s  ${result.name} (${counts.join(', ')})`)
}

export function printFailures(result: Result): void {
  if (result.failed === 0) return
  for (const failure of result.failures) console.log(indent(describe(failure), 2))
  if (result.output.trim() !== '') console.log(`  output:\n${indent(result.output.trimEnd(), 4)}`)
}

/** The last line stands alone, so that programs can read it. */
export function printSummary(results: Result[]): void {
  const failing = results.filter(result => result.failed > 0)
  const skipped = sum(results, result => result.skipped)
  console.log('')
  for (const result of failing) console.log(`failed: ${result.name}`)
  if (skipped > 0) console.log(`${skipped} skipped`)
  console.log(
    `${sum(results, result => result.passed)} passed, ${sum(results, result => result.failed)} failed`,
  )
}

function describe(failure: Failure): string {
  const details = failure.details
  if (details === undefined || details === null) return `not ok: ${failure.title}`
  if (typeof details !== 'object') return `not ok: ${failure.title}\n${indent(String(details), 2)}`
  const fields = Object.entries(details).map(([name, value]) => {
    const text = typeof value === 'string' ? value.trimEnd() : inspect(value, { depth: 6 })
    return text.includes('\n') ? `${name}:\n${indent(text, 2)}` : `${name}: ${text}`
  })
  return `not ok: ${failure.title}\n${indent(fields.join('\n'), 2)}`
}

function indent(text: string, columns: number): string {
  const margin = ' '.repeat(columns)
  return text
    .split('\n')
    .map(line => (line === '' ? line : margin + line))
    .join('\n')
}

function sum(results: Result[], count: (result: Result) => number): number {
  return results.reduce((total, result) => total + count(result), 0)
}
