import t from 'tap'
import { COMMON_OPTIONS } from '../common-options.ts'
import { parseOptions } from '../options.ts'
import { WORKLOADS } from '../workloads/table.ts'
import { type Bar, judge, SOAK_RUNS } from './bars.ts'

t.test('every run has a workload that understands its arguments, whole and as a tenth', async t => {
  for (const run of SOAK_RUNS) {
    const { workload } = (await WORKLOADS[run.workload]?.()) ?? {}
    t.ok(workload, `workload ${run.workload}`)
    for (const args of [run.args, run.tenth]) {
      t.doesNotThrow(() => parseOptions([...(workload?.options ?? []), ...COMMON_OPTIONS], args))
    }
  }
})

t.test('a figure at the limit passes, beyond it or without one it is a miss', async t => {
  const run = { name: 'r', workload: 'w', args: ['--sizes', '1,20'], tenth: [], bars: [] }
  const most: Bar = { name: 'b', metric: 'm.FILES', atMost: 5, unit: 'ms' }
  const least: Bar = { name: 'b', metric: 'rate', atLeast: 2000, unit: 'k', scale: 1000 }
  t.same(judge(run, most, { 'm.20': 5 }, 'whole').line, 'PASS  b: 5 ms (at most 5)')
  t.same(judge(run, most, { 'm.20': 5.1 }, 'whole').line, 'MISS  b: 5.1 ms (at most 5)')
  t.same(judge(run, most, { 'm.1': 1 }, 'whole').line, 'MISS  b: no figure, ms (at most 5)')
  t.same(judge(run, most, { 'm.1': 1 }, 'tenth').word, 'SKIP', 'a tenth leaves some out')
  t.same(judge(run, { ...most, always: true }, {}, 'tenth').word, 'MISS')
  t.same(judge(run, least, { rate: 2500 }, 'whole').line, 'PASS  b: 2.5 k (at least 2)')
  t.same(judge(run, least, { rate: Number.NaN }, 'whole').word, 'MISS')
})
