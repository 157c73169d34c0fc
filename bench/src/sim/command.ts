/**
 * `hopbine bench sim`: runs simulated groups from many seeds, or from one to replay it, and reports what was
 * simulated and what went wrong. With `--planted` it measures how many seeds it takes to find each known bug.
 */
import { execFile } from 'node:child_process'
import { closeSync, openSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { TraceEvent } from '@hopbine/namenode/raft/trace.ts'
import { optionLines, parseOptions, type Values } from '../options.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import type { PlantedResult } from './planted-run.ts'
import { type SimulationReport, simulate } from './simulation.ts'

const OPTIONS = [
  { name: 'seeds', type: 'count', default: 300, minimum: 1, sentence: 'How many runs.' },
  { name: 'seed', type: 'count', default: 1, sentence: 'Seed of the first run.' },
  { name: 'seconds', type: 'count', default: 60, minimum: 1, sentence: 'Simulated time with faults a run.' },
  { name: 'calls', type: 'count', default: 5, minimum: 1, sentence: 'Client calls a simulated second.' },
  { name: 'trace', type: 'text', sentence: 'File for the steps of one run, for the TLA+ specification.' },
  { name: 'history', type: 'text', sentence: 'File for what the clients of one run did and saw.' },
  { name: 'planted', type: 'flag', sentence: 'Count the seeds that find each planted bug instead.' },
  { name: 'json', type: 'flag', sentence: 'Print the report as JSON.' },
] as const

type SimValues = Values<typeof OPTIONS>

/** Sums over all runs. */
export interface SimReport {
  seeds: number
  violations: number
  simulatedHours: number
  realSeconds: number
  simulatedPerReal: number
  operationsPerRealSecond: number
  elections: number
  committed: number
  calls: number
  repeated: number
  answered: number
  undecided: number
  faults: Record<string, number>
}

/** Resolves to the exit code: 1 if a run went wrong, or if a planted bug was not found. */
export async function runSim(args: readonly string[]): Promise<number> {
  if (args.includes('--help')) {
    const lines = ['Usage: hopbine bench sim [OPTIONS]', 'Simulates Raft groups with faults.', '']
    process.stdout.write(`${[...lines, ...optionLines(OPTIONS)].join('\n')}\n`)
    return 0
  }
  const values = parseOptions(OPTIONS, args)
  if (values.planted) return await findPlanted(values)
  const report = runSeeds(values, text => process.stderr.write(`${text}\n`))
  process.stdout.write(`${values.json ? JSON.stringify(report) : describe(report)}\n`)
  return report.violations > 0 ? 1 : 0
}

function describe(report: SimReport): string {
  const { seeds, violations, simulatedHours, realSeconds, simulatedPerReal, faults } = report
  const { calls, answered, undecided, repeated, elections, committed } = report
  const kinds = Object.entries(faults).sort(([, a], [, b]) => b - a)
  return [
    `${seeds} seeds, ${violations} violations`,
    `${simulatedHours.toFixed(2)} simulated hours in ${realSeconds.toFixed(1)} s: ` +
      `${Math.round(simulatedPerReal)} simulated seconds and ` +
      `${Math.round(report.operationsPerRealSecond)} answered calls a second`,
    `${calls} calls: ${answered} answered, ${undecided} undecided, ${repeated} attempts beyond the first`,
    `${elections} elections, ${committed} entries committed`,
    'faults:',
    ...kinds.map(([kind, count]) => `  ${kind.padEnd(14)} ${count}`),
  ].join('\n')
}

/** Runs seed after seed; what goes wrong is told with the command that replays it. */
export function runSeeds(
  { seed: first, seeds, seconds, calls, trace, history }: Omit<SimValues, 'planted' | 'json'>,
  tell: (text: string) => void,
): SimReport {
  const startMs = performance.now()
  const sums = {
    simulatedMs: 0,
    violations: 0,
    elections: 0,
    committed: 0,
    calls: 0,
    repeated: 0,
    answered: 0,
    undecided: 0,
  }
  const faults: Record<string, number> = {}
  const recorder = trace === undefined ? undefined : new LineFile(trace)
  const historian = history === undefined ? undefined : new LineFile(history)
  for (let seed = first; seed < first + seeds; seed++) {
    const report = simulate({
      ...{ seed, seconds, callsPerSecond: calls },
      ...(recorder === undefined
        ? {}
        : { trace: (event: TraceEvent) => recorder.write({ tag: 'trace', event }) }),
    })
    for (const event of report.history) historian?.write(event)
    addUp(sums, faults, report)
    if (report.violation === undefined) continue
    sums.violations += 1
    const { message, atMs } = report.violation
    tell(`seed ${seed} after ${(atMs / 1000).toFixed(3)} s: ${message}`)
    tell(`  again: hopbine bench sim --seeds 1 --seed ${seed} --seconds ${seconds} --calls ${calls}`)
  }
  recorder?.close()
  historian?.close()
  const realSeconds = (performance.now() - startMs) / 1000
  const { simulatedMs, violations, ...counts } = sums
  return {
    ...{ seeds, violations, simulatedHours: simulatedMs / 3_600_000, realSeconds },
    simulatedPerReal: simulatedMs / 1000 / realSeconds,
    operationsPerRealSecond: counts.answered / realSeconds,
    ...counts,
    faults,
  }
}

function addUp(sums: Record<string, number>, faults: Record<string, number>, report: SimulationReport): void {
  for (const key of Object.keys(sums)) {
    if (key !== 'violations') sums[key] = (sums[key] ?? 0) + Number(report[key as keyof SimulationReport])
  }
  for (const [kind, count] of Object.entries(report.faults)) faults[kind] = (faults[kind] ?? 0) + count
}

/** One process a bug, one after the other: each loads its own wrong sources. */
async function findPlanted({ seeds, seconds }: SimValues): Promise<number> {
  let missed = 0
  for (const { name, sentence } of PLANTED_BUGS) {
    const { seed, rule } = await runPlanted(name, seeds, seconds)
    if (seed === undefined) missed += 1
    const found = seed === undefined ? `not found in ${seeds} seeds` : `seed ${seed}, ${rule}`
    process.stdout.write(`${name.padEnd(30)} ${found.padEnd(36)} ${sentence}\n`)
  }
  return missed > 0 ? 1 : 0
}

/** Runs seeds from 1 on in a process with this planted bug. */
export async function runPlanted(name: string, seeds: number, seconds: number): Promise<PlantedResult> {
  const program = fileURLToPath(new URL('./planted-run.ts', import.meta.url))
  const args = [program, name, String(seeds), String(seconds)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout) as PlantedResult
}

/** Lines of JSON; those of a trace have the tag by which the specification knows them. */
class LineFile {
  readonly #fd: number

  constructor(path: string) {
    this.#fd = openSync(path, 'w')
  }

  write(line: object): void {
    writeSync(this.#fd, `${JSON.stringify(line)}\n`)
  }

  close(): void {
    closeSync(this.#fd)
  }
}
