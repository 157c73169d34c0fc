/**
 * `hopbine bench mount NAME=DIR …`: the same work in several directories, one after the other. It starts and
 * stops no servers; the directories are there already.
 */
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { HomeFolder } from '../cluster/home-folder.ts'
import { UsageError } from '../failure.ts'
import { describeMachine } from '../machine/calibration.ts'
import { type OptionRow, optionLines, parseWithWords, type Values } from '../options.ts'
import { combineRuns, type Metrics } from '../report/metrics.ts'
import { headLines, type Report } from '../report/report.ts'
import { LOOP_WORKLOADS } from './loop-workloads.ts'
import { mountTable, withRatios } from './ratios.ts'
import { runRound } from './rounds.ts'
import { sizesOf } from './sizes.ts'
import { Source } from './source.ts'
import { type Target, targetsOf } from './target.ts'
import { TREE_WORKLOADS } from './tree-workloads.ts'
import type { MountWorkload } from './workload.ts'

const options = [
  { name: 'only', type: 'text', sentence: 'Workloads to run, with commas between; default all.' },
  {
    name: 'scale',
    type: 'count',
    minimum: 1,
    default: 100,
    sentence: 'Percent of the usual amount of work.',
  },
  { name: 'mebibytes', type: 'count', minimum: 1, default: 1024, sentence: 'Size of the large file in MiB.' },
  { name: 'rounds', type: 'count', minimum: 1, default: 1, sentence: 'Rounds; the median is reported.' },
  { name: 'home', type: 'text', sentence: 'Home of the Hopbine behind a mount. Default as everywhere.' },
  { name: 'pids', type: 'texts', sentence: 'NAME=PID,PID: processes behind another directory; repeatable.' },
  { name: 'json', type: 'flag', sentence: 'Print the report as one JSON object.' },
  {
    name: 'calibration',
    type: 'count',
    minimum: 1,
    default: 1024,
    sentence: 'MiB that are hashed to calibrate the machine.',
  },
] as const satisfies readonly OptionRow[]

const WORKLOADS = [...TREE_WORKLOADS, ...LOOP_WORKLOADS]

/** One line for the overview of workloads. */
export const SENTENCE = 'The same work in several directories, mounts or local ones.'

export interface Outcome {
  readonly report: Report
  readonly lines: readonly string[]
}

/** Resolves to what is to be printed. Throws BenchError with one sentence. */
export async function benchMount(args: readonly string[], tell: (text: string) => void): Promise<Outcome> {
  const { values, words } = parseWithWords(options, args)
  const home = new HomeFolder(homePath(values.home))
  const targets = await targetsOf(words, values.pids, home)
  const workloads = chosen(values.only).filter(workload => isPossible(workload, tell))
  const sizes = sizesOf(values.scale, values.mebibytes)
  const machine = await describeMachine(tmpdir(), values.calibration)
  const source = await Source.make(sizes)
  try {
    const rounds: Metrics[] = []
    for (let round = 0; round < values.rounds; round++) {
      if (values.rounds > 1) tell(`round ${round + 1} of ${values.rounds}`)
      rounds.push(await runRound({ targets, workloads, sizes, source, tell }, round))
    }
    const metrics = withRatios(combineRuns(rounds), workloads, targets)
    const report = { workload: 'mount', options: optionsOf(values, targets), machine, metrics }
    return { report, lines: [...headLines(report), '', ...mountTable(metrics, workloads, targets)] }
  } finally {
    await source.remove()
  }
}

export function mountHelp(): string[] {
  return [
    'Usage: hopbine bench mount NAME=DIR … [OPTIONS]',
    `${SENTENCE} Ratios are to the first one.`,
    '',
    ...optionLines(options),
    '',
    'Workloads:',
    ...WORKLOADS.map(({ name, sentence, isCold }) => {
      const caches = isCold === true ? ' Caches are dropped before, which needs root.' : ''
      return `  ${name.padEnd(15)}${sentence}${caches}`
    }),
  ]
}

function chosen(only: string | undefined): readonly MountWorkload[] {
  if (only === undefined) return WORKLOADS
  const names = only.split(',')
  const unknown = names.find(name => !WORKLOADS.some(workload => workload.name === name))
  if (unknown === undefined) return WORKLOADS.filter(({ name }) => names.includes(name))
  const all = WORKLOADS.map(({ name }) => name).join(', ')
  throw new UsageError(`--only ${unknown}: choose of ${all}`)
}

/** What cannot be measured here is told, and is no failure of a directory. */
function isPossible({ name, hindrance }: MountWorkload, tell: (text: string) => void): boolean {
  const why = hindrance?.()
  if (why !== undefined) tell(`${name} IS NOT MEASURED: ${why}`)
  return why === undefined
}

/** As the command finds it: the option, HOPBINE_HOME, or ~/.hopbine. */
function homePath(option: string | undefined): string {
  const path = option ?? process.env.HOPBINE_HOME ?? ''
  return path === '' ? join(homedir(), '.hopbine') : resolve(path)
}

function optionsOf(
  values: Values<typeof options>,
  targets: readonly Target[],
): Readonly<Record<string, unknown>> {
  const { only, scale, mebibytes, rounds } = values
  const directories = targets.map(({ name, type, pids }) => `${name} (${type}, ${pids.length} processes)`)
  return { directories, only, scale, mebibytes, rounds }
}
