// test-timeout-seconds: 600
/**
 * Every workload end to end, with real processes and very little work: it runs, nothing fails, and its
 * metrics are those that docs/bench.md describes.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { COMMON_OPTIONS } from '../common-options.ts'
import { mountHindrance } from '../integration/mounted.ts'
import { runWorkload } from '../main.ts'
import { parseOptions } from '../options.ts'
import type { Report } from '../report/report.ts'
import { tableLines } from '../report/report.ts'
import { WORKLOADS } from './table.ts'

const docs = readFileSync(new URL('../../../docs/bench.md', import.meta.url), 'utf8')

async function run(
  name: string,
  args: readonly string[],
  tell = (text: string): void => t.comment(text),
): Promise<Report> {
  const entry = WORKLOADS[name]
  if (entry === undefined) throw new Error(`no workload ${name}`)
  const { workload } = await entry()
  const rows = [...workload.options, ...COMMON_OPTIONS]
  const values = parseOptions(rows, ['--calibration', '16', ...args])
  return runWorkload(workload, values, tell)
}

function check(t: Test, report: Report): void {
  t.equal(report.metrics.errors ?? 0, 0, 'no errors')
  for (const [name, value] of Object.entries(report.metrics)) {
    t.ok(Number.isFinite(value), `${name} is a number`)
    // Phases in a shared directory have the names of those in private ones.
    const plain = name.replace(/\..*$/, '.').replace(/Shared(?=PerSecond$|$)/, '')
    const documented = docs.includes(`\`${plain}`) || docs.includes(`${plain}\``)
    t.ok(documented, `${name} is described in docs/bench.md`)
  }
  t.ok(tableLines(report).length > 4)
}

t.test('metadata workloads run on a Hopbine that is there already', async t => {
  const cluster = await ProcessCluster.open({
    datanodes: 1,
    mustOwn: false,
    keep: false,
    transport: 'tcp',
  })
  const home = ['--home', cluster.home.path]
  try {
    const spotify = await run('spotify', [
      ...[...home, '--files', '640', '--seconds', '1', '--warm-up', '0', '--own-files', '20'],
      ...['--clients', '2', '--runs', '2', '--keep'],
    ])
    check(t, spotify)
    t.ok((spotify.metrics['operationsByKind.open'] ?? 0) > (spotify.metrics['operationsByKind.stat'] ?? 0))
    t.ok((spotify.metrics.serverCpuMicrosPerOp ?? 0) > 0, 'the CPU time of the server is seen')
    check(t, await run('mdtest', [...home, '--files', '200', '--clients', '2', '--in-flight', '8']))
    check(t, await run('smallfiles', [...home, '--files', '50', '--sizes', '1,64']))
    check(t, await run('treecost', [...home, '--sizes', '10,200', '--repeat', '10']))
    check(t, await run('throughput', [...home, '--mebibytes', '4', '--no-cold']))
    check(t, await run('overwrite', [...home, '--mebibytes', '2', '--overwrites', '100', '--no-cold']))
    const { files } = await cluster.status()
    t.equal(files, 641, 'only the tree that was to be kept is left')
    await t.rejects(run('restart', [...home, '--sizes', '32']), /stops and starts servers/)
  } finally {
    await cluster.close()
  }
})

t.test('a tree that was kept is found by the next run on the same home', async t => {
  const home = await mkdtemp(join(tmpdir(), 'hopbine-kept-'))
  t.teardown(() => rm(home, { recursive: true }))
  const args = ['--home', home, '--files', '64', '--seconds', '1', '--warm-up', '0', '--own-files', '4']
  check(t, await run('spotify', [...args, '--keep']))
  const told: string[] = []
  check(t, await run('spotify', [...args, '--transport', 'unix'], text => told.push(text)))
  t.same(told, ['/bench-spotify is there already'])
})

t.test('workloads that stop servers start their own', async t => {
  check(t, await run('restart', ['--sizes', '32,320', '--writes', '100']))
  check(t, await run('memory', ['--files', '320', '--seconds', '1', '--settle', '100']))
})

t.test('mixed load loses nothing', { skip: mountHindrance() ?? false }, async t => {
  const report = await run('mixed', ['--seconds', '6', '--kills', '2', '--workers', '2'])
  check(t, report)
  t.match(report.metrics, { lost: 0, wrongContent: 0, handlesLeft: 0 })
})

t.test('locks are timed where something can be mounted', { skip: mountHindrance() ?? false }, async t => {
  const report = await run('locks', ['--pairs', '200'])
  check(t, report)
  for (const name of ['delegatedMicrosPerPair', 'namenodeMicrosPerPair', 'localMicrosPerPair']) {
    t.ok((report.metrics[name] ?? 0) > 0, name)
  }
})

t.test('nothing is lost and nothing done twice when leaders are killed or stopped', async t => {
  for (const how of ['kill', 'stop']) {
    const report = await run('failover', ['--kills', '3', '--how', how, '--pause', '300'])
    check(t, report)
    t.ok((report.metrics.acknowledged ?? 0) > 0)
    // Far more than an election on an idle machine takes, and far less than anybody would wait.
    t.ok((report.metrics.maxMillis ?? 0) < 10_000, `${report.metrics.maxMillis} ms`)
  }
})

t.test('a group of namenodes serves every metadata workload', async t => {
  const args = ['--namenodes', '3', '--files', '200', '--in-flight', '8']
  check(t, await run('mdtest', args))
})

t.test('nothing acknowledged is lost when servers are killed', async t => {
  const { metrics } = await run('crash', [
    ...['--kills', '4', '--datanodes', '2', '--replication', '1', '--pause', '400', '--in-flight', '8'],
  ])
  t.equal(metrics.errors, 0)
  t.ok((metrics.acknowledged ?? 0) > 0)
  t.ok((metrics.verifiedFiles ?? 0) > 0)
})
