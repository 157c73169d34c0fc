/**
 * Runs the checks and the test files side by side and reads their TAP. Usage: test-runner.ts [PATTERN...],
 * where a pattern is a part of a path and `check` stands for the checks. The last line is `N passed, N
 * failed`, counting assertions. It never retries: a test that fails sometimes is a test that fails.
 */
import { fileURLToPath } from 'node:url'
import { printFailures, printLine, printSummary } from './test-runner/report.ts'
import { type Result, runCheck, runTestFile, stopAll } from './test-runner/run-file.ts'
import { findTestFiles, type TestFile } from './test-runner/test-file.ts'

const SIDE_BY_SIDE_MAX = 2

const root = fileURLToPath(new URL('..', import.meta.url))

type Job = () => Promise<Result>

async function main(patterns: string[]): Promise<void> {
  const files = findTestFiles(root).filter(file => matches(file.path, patterns))
  const jobs = files.filter(file => !file.alone).map(toJob)
  if (matches('check', patterns)) jobs.unshift(() => runCheck(root))
  const aloneJobs = files.filter(file => file.alone).map(toJob)
  if (jobs.length + aloneJobs.length === 0) {
    console.log(`no test file matches ${patterns.join(' ')}`)
    printSummary([])
    process.exitCode = 1
    return
  }
  const results = [...(await runJobs(jobs, SIDE_BY_SIDE_MAX)), ...(await runJobs(aloneJobs, 1))]
  printSummary(results)
  if (results.some(result => result.failed > 0)) process.exitCode = 1
}

function matches(path: string, patterns: string[]): boolean {
  return patterns.length === 0 || patterns.some(pattern => path.includes(pattern.replace(/^\.\//, '')))
}

function toJob(file: TestFile): Job {
  return () => runTestFile(root, file)
}

/** Starts the jobs in order, at most `sideBySide` at a time, and prints each result when it is there. */
async function runJobs(jobs: Job[], sideBySide: number): Promise<Result[]> {
  const results: Result[] = []
  const waiting = jobs.values()
  const lane = async (): Promise<void> => {
    for (const job of waiting) {
      const result = await job()
      results.push(result)
      printLine(result)
      printFailures(result)
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, lane))
  return results
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    stopAll()
    process.exit(1)
  })
}

await main(process.argv.slice(2))
