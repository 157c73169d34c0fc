/**
 * `scripts/soak`: runs what shows the bars of the project and prints PASS or MISS with the figure for each.
 * It measures nothing itself; reports go to a folder, one file for each run.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COMMON_OPTIONS } from '../common-options.ts'
import { BenchError, UsageError } from '../failure.ts'
import { runWorkload } from '../main.ts'
import { type OptionRow, optionLines, parseOptions } from '../options.ts'
import { fileText } from '../report/report.ts'
import { WORKLOADS } from '../workloads/table.ts'
import { type Bar, judge, SOAK_RUNS, type SoakRun } from './bars.ts'

const OPTIONS = [
  { name: 'tenth', type: 'flag', sentence: 'A tenth of each; only bars that any machine can meet decide.' },
  { name: 'only', type: 'text', sentence: `Runs to make, with commas: ${SOAK_RUNS.map(run => run.name)}.` },
  { name: 'results', type: 'text', sentence: 'Folder for the reports. Default: they are not kept.' },
  { name: 'list', type: 'flag', sentence: 'Show the commands and make no run.' },
  { name: 'help', type: 'flag', sentence: 'Show this.' },
] as const satisfies readonly OptionRow[]

interface Settings {
  readonly part: 'whole' | 'tenth'
  readonly results: string | undefined
}

async function main(args: readonly string[]): Promise<number> {
  const values = parseOptions(OPTIONS, args)
  if (values.help) {
    process.stdout.write(`${['Usage: scripts/soak [OPTIONS]', ...optionLines(OPTIONS)].join('\n')}\n`)
    return 0
  }
  const runs = chosen(values.only)
  const settings: Settings = { part: values.tenth ? 'tenth' : 'whole', results: values.results }
  let missed = 0
  for (const run of runs) {
    process.stdout.write(`# ${command(run, settings.part)}\n`)
    if (!values.list) missed += await perform(run, settings)
  }
  if (values.list) return 0
  process.stdout.write(missed === 0 ? 'every bar that decides is met\n' : `${missed} bars are missed\n`)
  return missed === 0 ? 0 : 1
}

/** Returns how many of the bars that decide are missed. */
async function perform(run: SoakRun, { part, results }: Settings): Promise<number> {
  const metrics = await measure(run, part, results)
  const verdicts = run.bars.map(bar => ({ bar, verdict: judge(run, bar, metrics, part) }))
  for (const { verdict } of verdicts) process.stdout.write(`${verdict.line}\n`)
  const decides = ({ always }: Bar): boolean => part === 'whole' || always === true
  return verdicts.filter(({ bar, verdict }) => verdict.word === 'MISS' && decides(bar)).length
}

/** A run that ends with an error has no figures, so all of its bars are missed. */
async function measure(
  run: SoakRun,
  part: Settings['part'],
  results: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  const { workload } = (await WORKLOADS[run.workload]?.()) ?? {}
  if (workload === undefined) throw new BenchError(`no workload ${run.workload}`)
  const values = parseOptions([...workload.options, ...COMMON_OPTIONS], argsOf(run, part))
  try {
    const report = await runWorkload(workload, values, text => process.stderr.write(`${text}\n`))
    if (results !== undefined) {
      mkdirSync(results, { recursive: true })
      writeFileSync(join(results, `${run.name}.json`), fileText(report))
    }
    return report.metrics
  } catch (error) {
    process.stderr.write(`${run.name} failed: ${error instanceof Error ? error.stack : String(error)}\n`)
    return {}
  }
}

function chosen(only: string | undefined): readonly SoakRun[] {
  if (only === undefined) return SOAK_RUNS
  return only.split(',').map(name => {
    const run = SOAK_RUNS.find(candidate => candidate.name === name)
    if (run === undefined) throw new UsageError(`there is no run ${name}`)
    return run
  })
}

function argsOf(run: SoakRun, part: Settings['part']): readonly string[] {
  return part === 'whole' ? run.args : run.tenth
}

function command(run: SoakRun, part: Settings['part']): string {
  return ['hopbine bench', run.workload, ...argsOf(run, part)].join(' ')
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof BenchError)) throw error
  process.stderr.write(`soak: ${error.message}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}
