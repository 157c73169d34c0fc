// test-timeout-seconds: 600
// Groups of namenodes under load, with real processes: leaders are killed and stopped, nothing is lost.
import t from 'tap'
import { checkReport, runSmall } from '../testing/run-workload.ts'

t.test('nothing is lost and nothing done twice when leaders are killed or stopped', async t => {
  for (const how of ['kill', 'stop']) {
    const report = await runSmall(t, 'failover', ['--kills', '3', '--how', how, '--pause', '300'])
    checkReport(t, report)
    t.ok((report.metrics.acknowledged ?? 0) > 0)
    // Far more than an election on an idle machine takes, and far less than anybody would wait.
    t.ok((report.metrics.maxMillis ?? 0) < 10_000, `${report.metrics.maxMillis} ms`)
  }
})

t.test('a group of namenodes serves every metadata workload', async t => {
  const args = ['--namenodes', '3', '--files', '200', '--in-flight', '8']
  checkReport(t, await runSmall(t, 'mdtest', args))
})

t.test('nothing acknowledged is lost when members of a group and datanodes are killed', async t => {
  const { metrics } = await runSmall(t, 'crash', [
    ...['--namenodes', '3', '--kills', '5', '--datanodes', '2', '--replication', '1', '--in-flight', '8'],
  ])
  t.equal(metrics.errors, 0)
  t.ok((metrics.verifiedFiles ?? 0) > 0)
})
