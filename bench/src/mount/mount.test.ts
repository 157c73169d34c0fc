// test-timeout-seconds: 300
/** The comparison of directories, end to end and very small, on two local folders. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { UsageError } from '../failure.ts'
import { benchMount, mountHelp } from './command.ts'
import { LOOP_WORKLOADS } from './loop-workloads.ts'
import { sizesOf } from './sizes.ts'
import { Source } from './source.ts'
import { TREE_WORKLOADS } from './tree-workloads.ts'

const docs = readFileSync(new URL('../../../docs/bench.md', import.meta.url), 'utf8')
t.setTimeout(300_000)
const folder = mkdtempSync(join(tmpdir(), 'hopbine-bench-mount-'))
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const [one, two] = [join(folder, 'one'), join(folder, 'two')]
for (const path of [one, two]) mkdirSync(path)
const pair = [`one=${one}`, `two=${two}`, '--calibration', '1']
// Dropping caches is for root.
const workloads = [...TREE_WORKLOADS, ...LOOP_WORKLOADS].filter(
  ({ isCold, hindrance }) => (isCold !== true || process.getuid?.() === 0) && hindrance?.() === undefined,
)

t.test('every workload runs in both, has its figures and ratios, and leaves nothing', async t => {
  const only = workloads.map(({ name }) => name).join(',')
  const told: string[] = []
  const { report, lines } = await benchMount([...pair, '--scale', '1', '--only', only], text =>
    told.push(text),
  )
  t.same(told, [])
  t.equal(report.metrics.errors, 0)
  for (const { name, figure } of workloads) {
    for (const directory of ['one', 'two']) {
      const value = report.metrics[`${figure}.${name}.${directory}`] ?? 0
      t.ok(value > 0 && Number.isFinite(value), `${figure} of ${name} in ${directory}`)
    }
    const [first = 0, second = 0] = ['one', 'two'].map(at => report.metrics[`${figure}.${name}.${at}`])
    t.equal(report.metrics[`ratio.${name}.two`], second / first)
    t.ok(docs.includes(`\`${name}\``), `${name} is described in docs/bench.md`)
  }
  for (const metric of new Set(Object.keys(report.metrics).map(key => key.split('.')[0]))) {
    t.ok(docs.includes(`\`${metric}.WORKLOAD.NAME\``) || metric === 'errors', `${metric} is described`)
  }
  t.equal(lines.filter(line => /^\S* +(one|two) +\d/.test(line)).length, 2 * workloads.length)
  t.same([readdirSync(one), readdirSync(two)], [[], []])
})

t.test('what fails in one directory is counted there and leaves the other alone', async t => {
  // The largest number that a process can have on Linux is smaller.
  const gone = ['--pids', 'two=99999999', '--only', 'create-1', '--scale', '1', '--rounds', '2']
  const told: string[] = []
  const { report, lines } = await benchMount([...pair, ...gone], text => told.push(text))
  t.equal(report.metrics.errors, 1)
  t.equal(report.metrics['errorsOf.create-1.two'], 1)
  t.ok((report.metrics['perSecond.create-1.one'] ?? 0) > 0)
  const failure = /create-1 failed in two: process 99999999 of two is gone/
  t.match(told, ['round 1 of 2', failure, 'round 2 of 2', failure])
  t.ok(lines.some(line => /two +failed/.test(line)))
})

t.test('CPU of the processes behind a directory is seen', async t => {
  const own = ['--pids', `one=${process.pid}`, '--only', 'untar', '--scale', '1']
  const { report } = await benchMount([...pair, ...own], () => undefined)
  t.ok((report.metrics['serverCpuSeconds.untar.one'] ?? -1) >= 0)
  t.equal(report.metrics['serverCpuSeconds.untar.two'], 0)
})

t.test('the tree is the same whenever it is made', async t => {
  const sizes = sizesOf(1, 1)
  const sources = [await Source.make(sizes), await Source.make(sizes)]
  const [first, second] = sources.map(({ archive }) => readFileSync(archive))
  for (const source of sources) await source.remove()
  t.ok(first?.equals(second ?? Buffer.alloc(0)))
})

t.test('a wrong command line is refused with a sentence', async t => {
  for (const args of [
    [],
    ['one'],
    [`=${one}`],
    ['one='],
    [`one=${one}`, `one=${two}`],
    [`one=${one}`, '--pids', 'three=1'],
    [`one=${one}`, '--pids', 'one=x'],
    [`one=${one}`, '--only', 'nothing'],
    [`one=${one}`, '--scale', '0'],
  ]) {
    await t.rejects(
      benchMount(args, () => undefined),
      UsageError,
      args.join(' '),
    )
  }
  await t.rejects(
    benchMount(['one=/does/not/exist'], () => undefined),
    /cannot be used/,
  )
  t.ok(mountHelp().some(line => line.startsWith('  untar')))
})
