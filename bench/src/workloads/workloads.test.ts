// test-timeout-seconds: 600
/**
 * Every workload end to end, with real processes and very little work: it runs, nothing fails, and its
 * metrics are those that docs/bench.md describes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { mountHindrance } from '../integration/mounted.ts'
import { checkReport, runSmall } from '../testing/run-workload.ts'

t.test('metadata workloads run on a Hopbine that is there already', async t => {
  const cluster = await ProcessCluster.open({
    datanodes: 1,
    mustOwn: false,
    keep: false,
    transport: 'tcp',
  })
  const home = ['--home', cluster.home.path]
  try {
    const spotify = await runSmall(t, 'spotify', [
      ...[...home, '--files', '640', '--seconds', '1', '--warm-up', '0', '--own-files', '20'],
      ...['--clients', '2', '--runs', '2', '--keep'],
    ])
    checkReport(t, spotify)
    t.ok((spotify.metrics['operationsByKind.open'] ?? 0) > (spotify.metrics['operationsByKind.stat'] ?? 0))
    t.ok((spotify.metrics.serverCpuMicrosPerOp ?? 0) > 0, 'the CPU time of the server is seen')
    checkReport(
      t,
      await runSmall(t, 'mdtest', [...home, '--files', '200', '--clients', '2', '--in-flight', '8']),
    )
    checkReport(t, await runSmall(t, 'smallfiles', [...home, '--files', '50', '--sizes', '1,64']))
    checkReport(t, await runSmall(t, 'treecost', [...home, '--sizes', '10,200', '--repeat', '10']))
    checkReport(t, await runSmall(t, 'throughput', [...home, '--mebibytes', '4', '--no-cold']))
    checkReport(
      t,
      await runSmall(t, 'overwrite', [...home, '--mebibytes', '2', '--overwrites', '100', '--no-cold']),
    )
    const { files } = await cluster.status()
    t.equal(files, 641, 'only the tree that was to be kept is left')
    await t.rejects(runSmall(t, 'restart', [...home, '--sizes', '32']), /stops and starts servers/)
  } finally {
    await cluster.close()
  }
})

t.test('a tree that was kept is found by the next run on the same home', async t => {
  const home = await mkdtemp(join(tmpdir(), 'hopbine-kept-'))
  t.teardown(() => rm(home, { recursive: true }))
  const args = ['--home', home, '--files', '64', '--seconds', '1', '--warm-up', '0', '--own-files', '4']
  checkReport(t, await runSmall(t, 'spotify', [...args, '--keep']))
  const told: string[] = []
  checkReport(t, await runSmall(t, 'spotify', [...args, '--transport', 'unix'], text => told.push(text)))
  t.same(told, ['/bench-spotify is there already'])
})

t.test('workloads that stop servers start their own', async t => {
  checkReport(t, await runSmall(t, 'restart', ['--sizes', '32,320', '--writes', '100']))
  checkReport(t, await runSmall(t, 'memory', ['--files', '320', '--seconds', '1', '--settle', '100']))
})

t.test('mixed load loses nothing', { skip: mountHindrance() ?? false }, async t => {
  const report = await runSmall(t, 'mixed', ['--seconds', '6', '--kills', '2', '--workers', '2'])
  checkReport(t, report)
  t.match(report.metrics, { lost: 0, wrongContent: 0, handlesLeft: 0 })
})

t.test('locks are timed where something can be mounted', { skip: mountHindrance() ?? false }, async t => {
  const report = await runSmall(t, 'locks', ['--pairs', '200'])
  checkReport(t, report)
  for (const name of ['delegatedMicrosPerPair', 'namenodeMicrosPerPair', 'localMicrosPerPair']) {
    t.ok((report.metrics[name] ?? 0) > 0, name)
  }
})

t.test('nothing acknowledged is lost when servers are killed', async t => {
  const { metrics } = await runSmall(t, 'crash', [
    ...['--kills', '4', '--datanodes', '2', '--replication', '1', '--pause', '400', '--in-flight', '8'],
  ])
  t.equal(metrics.errors, 0)
  t.ok((metrics.acknowledged ?? 0) > 0)
  t.ok((metrics.verifiedFiles ?? 0) > 0)
})
