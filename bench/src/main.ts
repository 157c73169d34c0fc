/**
 * `hopbine bench WORKLOAD`: opens a Hopbine, starts load generators, runs one workload as often as asked, and
 * prints its report. Results go to standard output, everything else to standard error.
 */
import { randomBytes } from 'node:crypto'
import { ProcessCluster } from './cluster/processes.ts'
import { COMMON_OPTIONS } from './common-options.ts'
import { BenchError, UsageError } from './failure.ts'
import { Fleet } from './load/fleet.ts'
import { describeMachine } from './machine/calibration.ts'
import { type OptionRow, optionLines, parseOptions, type Values } from './options.ts'
import { combineRuns, type Metrics } from './report/metrics.ts'
import { type Report, tableLines } from './report/report.ts'
import { runSim } from './sim/command.ts'
import { WORKLOADS } from './workloads/table.ts'
import type { Bench, Workload } from './workloads/workload.ts'

type Common = Values<typeof COMMON_OPTIONS>
type Everything = Values<readonly OptionRow[]>

const SERVER_CORE = 0
const CLIENT_CORE = 1
/** As shells count it: 128 and the number of SIGINT. */
const EXIT_INTERRUPTED = 130
/** Where a namenode that is profiled listens for the profiler. */
const INSPECT_PORT = 9339

/** Runs one workload and prints its report; resolves to the exit code. */
export async function runBench(args: readonly string[]): Promise<number> {
  try {
    const [name, ...rest] = args
    if (name === undefined || name.startsWith('-')) return await printOverview()
    if (name === 'mount') return await runMount(rest)
    if (name === 'sim') return await runSim(rest)
    const workload = await find(name)
    if (rest.includes('--help')) return printHelp(workload)
    const values = parseOptions([...workload.options, ...COMMON_OPTIONS], rest)
    const report = await runWorkload(workload, values, note)
    const text = (values as Common).json ? JSON.stringify(report) : tableLines(report).join('\n')
    process.stdout.write(`${text}\n`)
    return (report.metrics.errors ?? 0) > 0 ? 1 : 0
  } catch (error) {
    if (!(error instanceof BenchError)) throw error
    process.stderr.write(`hopbine bench: ${error.message}\n`)
    return error instanceof UsageError ? 2 : 1
  }
}

export async function runWorkload(
  workload: Workload,
  values: Everything,
  tell: (text: string) => void,
): Promise<Report> {
  const common = values as unknown as Common
  const cluster = await ProcessCluster.open({
    ...(common.home === undefined ? {} : { home: common.home }),
    ...(common.profile === undefined ? {} : { inspectPort: INSPECT_PORT }),
    ...(common.pin ? { core: SERVER_CORE } : {}),
    datanodes: workload.datanodes(values),
    namenodes: workload.namenodes?.(values) ?? common.namenodes,
    mustOwn: workload.mustOwn,
    keep: common.keep,
    transport: common.transport as 'tcp' | 'unix',
  })
  const forgetSignals = closeOnSignal(cluster)
  try {
    const machine = await describeMachine(cluster.home.path, common.calibration)
    const metrics = await measureOn(cluster, workload, values, tell)
    return { workload: workload.name, options: optionsOf(workload, values), machine, metrics }
  } finally {
    // Whatever failed, a server that ended by itself is the first thing to know.
    for (const death of await cluster.deaths()) tell(death)
    forgetSignals()
    await cluster.close()
  }
}

/** A run that is broken off leaves no servers and no temporary home. */
function closeOnSignal(cluster: ProcessCluster): () => void {
  const onSignal = (): void => {
    cluster.close().then(
      () => process.exit(EXIT_INTERRUPTED),
      (error: Error) => {
        note(`the servers could not be stopped: ${error.message}`)
        process.exit(EXIT_INTERRUPTED)
      },
    )
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal)
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal)
  }
}

async function measureOn(
  cluster: ProcessCluster,
  workload: Workload,
  values: Everything,
  tell: (text: string) => void,
): Promise<Metrics> {
  const { clients, pin, keep, runs, profile } = values as unknown as Common
  const clientCore = pin ? CLIENT_CORE : undefined
  const fleet = await Fleet.start(await cluster.door(), clients, clientCore)
  const bench: Bench = {
    cluster,
    fleet,
    run: randomBytes(3).toString('hex'),
    keep,
    clientCore,
    profile: profile === undefined ? undefined : { folder: profile, inspectPort: INSPECT_PORT },
    note: tell,
  }
  try {
    await workload.prepare(bench, values)
    const measured: Metrics[] = []
    for (let repetition = 1; repetition <= runs; repetition++) {
      measured.push(await workload.measure(bench, values, repetition))
    }
    if (!keep) await workload.cleanUp(bench, values)
    return combineRuns(measured)
  } finally {
    await fleet.stop()
  }
}

/** Options as they were in force; where a report was printed to does not matter to it. */
function optionsOf(workload: Workload, values: Everything): Record<string, unknown> {
  const hidden = new Set(['json', 'profile', 'home', 'calibration'])
  const rows = [...workload.options, ...COMMON_OPTIONS].filter(({ name }) => !hidden.has(name))
  return Object.fromEntries(rows.map(({ name }) => [name, values[name]]))
}

async function find(name: string): Promise<Workload> {
  const load = Object.hasOwn(WORKLOADS, name) ? WORKLOADS[name] : undefined
  if (load !== undefined) return (await load()).workload
  throw new UsageError(
    `there is no workload ${name}: choose one of ${[...Object.keys(WORKLOADS), 'mount'].join(', ')}`,
  )
}

async function printOverview(): Promise<number> {
  const lines = ['Usage: hopbine bench WORKLOAD [OPTIONS]', '']
  for (const load of Object.values(WORKLOADS)) {
    const { workload } = await load()
    lines.push(`  ${workload.name.padEnd(12)}${workload.sentence}`)
  }
  const { SENTENCE } = await import('./mount/command.ts')
  lines.push(`  ${'mount'.padEnd(12)}${SENTENCE}`)
  lines.push(`  ${'sim'.padEnd(12)}Raft groups on simulated machines with faults; needs no servers.`)
  process.stdout.write(`${[...lines, '', 'hopbine bench WORKLOAD --help says more.'].join('\n')}\n`)
  return 0
}

/** It has directories instead of a cluster, so it is no workload like the others. */
async function runMount(args: readonly string[]): Promise<number> {
  const { benchMount, mountHelp } = await import('./mount/command.ts')
  if (args.includes('--help')) {
    process.stdout.write(`${mountHelp().join('\n')}\n`)
    return 0
  }
  const { report, lines } = await benchMount(args, note)
  process.stdout.write(`${args.includes('--json') ? JSON.stringify(report) : lines.join('\n')}\n`)
  return (report.metrics.errors ?? 0) > 0 ? 1 : 0
}

function printHelp(workload: Workload): number {
  const lines = [
    `Usage: hopbine bench ${workload.name} [OPTIONS]`,
    workload.sentence,
    '',
    ...optionLines([...workload.options, ...COMMON_OPTIONS]),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

function note(text: string): void {
  process.stderr.write(`${text}\n`)
}

if (import.meta.main) process.exitCode = await runBench(process.argv.slice(2))
