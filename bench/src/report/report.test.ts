import t from 'tap'
import { combineRuns, median } from './metrics.ts'
import { profileLines } from './profile.ts'
import { fileText, numberText, tableLines } from './report.ts'

const machine = {
  date: '2026-11-24T00:00:00.000Z',
  host: 'here',
  cpuModel: 'a processor',
  cores: 2,
  memoryBytes: 2 ** 34,
  kernel: '6',
  node: '24',
  loadAverage: 0.5,
  sha256MillisPerGiB: 700,
  fdatasyncMicrosMedian: 200,
}

t.test('runs combine to their medians, but the worst run counts for errors', async t => {
  const runs = [
    { opsPerSecond: 3, errors: 0 },
    { opsPerSecond: 1, errors: 2 },
    { opsPerSecond: 2, errors: 0 },
  ]
  t.same(combineRuns(runs), { opsPerSecond: 2, errors: 2 })
  t.equal(median([1, 2, 3, 10]), 2.5)
})

t.test('the table has HDFS beside what is comparable and a line for each kind', async t => {
  const metrics = { opsPerSecond: 45_678, 'p50MillisByKind.open': 1.234, 'p99MillisByKind.open': 5 }
  const lines = tableLines({ workload: 'spotify', options: { files: 5, keep: false }, machine, metrics })
  t.match(lines[0], /^spotify {2}--files 5$/)
  t.ok(lines.some(line => /opsPerSecond +45,678 +8,300-10,900/.test(line)))
  t.ok(lines.some(line => /open +1\.23 +5$/.test(line)))
})

t.test('a report in a file has its lists on one line and reads back as it was', async t => {
  const report = { workload: 'w', options: { sizes: [10, 1000] }, machine, metrics: { a: 1 } }
  t.match(fileText(report), /"sizes": \[10, 1000\]\n/)
  t.same(JSON.parse(fileText(report)), report)
})

t.test('numbers keep three digits that matter', async t => {
  t.same([0, 0.01234, 1.5, 45.678, 1234.5, 7].map(numberText), ['0', '0.0123', '1.50', '45.7', '1,235', '7'])
})

t.test('time of native code counts for the part of ours that called it', async t => {
  const frame = (functionName: string, url: string) => ({ functionName, url, lineNumber: 0 })
  const nodes = [
    { id: 1, callFrame: frame('(root)', ''), children: [2, 4] },
    { id: 2, callFrame: frame('find', 'file:///x/namenode/src/store/table.ts'), children: [3] },
    { id: 3, callFrame: frame('get', '') },
    { id: 4, callFrame: frame('(idle)', '') },
  ]
  const profile = { nodes, samples: [2, 3, 3, 4], timeDeltas: [100, 100, 100, 5000] }
  const lines = profileLines('p', profile, 10)
  t.match(lines[1], /100\.0 % +30\.00 us\/op {2}namenode\/store/)
  t.ok(lines.some(line => /66\.7 % +20\.00 us\/op {2}get < find store\/table\.ts:1/.test(line)))
})
