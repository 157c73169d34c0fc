/**
 * The bars of the project as data: which run shows each of them, whole and as the tenth that continuous
 * integration can afford, and the figure it must reach.
 */

export interface Bar {
  readonly name: string
  /** Key in the metrics of the run; `FILES` stands for the largest size in the arguments. */
  readonly metric: string
  readonly atLeast?: number
  readonly atMost?: number
  readonly unit: string
  /** Figures are shown divided by this; 1 if absent. */
  readonly scale?: number
  /** Also binds where the machine is slow or busy, so also in a tenth. */
  readonly always?: true
}

export interface SoakRun {
  readonly name: string
  readonly workload: string
  readonly args: readonly string[]
  /** Replace `args` in a tenth. */
  readonly tenth: readonly string[]
  readonly bars: readonly Bar[]
}

const MILLION = 1_000_000
const MEBIBYTE = 1024 * 1024
const noErrors = {
  name: 'no operation fails',
  metric: 'errors',
  atMost: 0,
  unit: 'errors',
  always: true,
} as const
const underFive = (name: string, metric: string): Bar => ({ name, metric, atMost: 5, unit: 'ms' })
const flat = (name: string, metric: string): Bar => ({ name, metric, atMost: 2, unit: 'times' })

const SPOTIFY_TENTH = ['--files', '50000', '--seconds', '3', '--warm-up', '2']
const PINNED_THRICE = ['--pin', '--runs', '3']

export const SOAK_RUNS: readonly SoakRun[] = [
  {
    name: 'spotify',
    workload: 'spotify',
    args: [...PINNED_THRICE, '--files', '500000', '--clients', '2', '--in-flight', '64'],
    tenth: [...SPOTIFY_TENTH, '--clients', '2'],
    bars: [
      noErrors,
      { name: 'mix, pipelined', metric: 'opsPerSecond', atLeast: 45_000, unit: 'ops/s' },
      { name: 'mix, pipelined', metric: 'serverCpuMicrosPerOp', atMost: 16, unit: 'us/op' },
    ],
  },
  {
    name: 'spotify-64',
    workload: 'spotify',
    args: [...PINNED_THRICE, '--files', '500000', '--connections', '64', '--in-flight', '64'],
    tenth: [...SPOTIFY_TENTH, '--connections', '64'],
    bars: [
      noErrors,
      { name: 'mix, 64 connections of one call', metric: 'serverCpuMicrosPerOp', atMost: 35, unit: 'us/op' },
    ],
  },
  {
    name: 'create',
    workload: 'mdtest',
    args: [
      ...PINNED_THRICE,
      '--layout',
      'private',
      '--phases',
      'create',
      '--clients',
      '2',
      '--files',
      '100000',
    ],
    tenth: ['--layout', 'private', '--phases', 'create', '--clients', '2', '--files', '10000'],
    bars: [
      noErrors,
      { name: 'creates', metric: 'createPerSecond', atLeast: 12_000, unit: 'files/s' },
      { name: 'creates', metric: 'serverCpuMicrosPerCreate', atMost: 50, unit: 'us/file' },
      { name: 'group commit', metric: 'fsyncsPerCreate', atMost: 0.1, unit: 'fsyncs/file', always: true },
    ],
  },
  {
    name: 'smallfiles',
    workload: 'smallfiles',
    args: [...PINNED_THRICE, '--sizes', '10', '--files', '50000'],
    tenth: ['--sizes', '10', '--files', '5000'],
    bars: [
      noErrors,
      { name: 'writes of 10 KiB', metric: 'writesPerSecond.10', atLeast: 6_000, unit: 'files/s' },
      { name: 'reads of 10 KiB', metric: 'readsPerSecond.10', atLeast: 20_000, unit: 'files/s' },
    ],
  },
  {
    name: 'treecost',
    workload: 'treecost',
    args: ['--sizes', `10,1000,100000,${MILLION}`, '--clients', '2'],
    tenth: ['--sizes', '10,1000,100000', '--clients', '2'],
    bars: [
      flat('rename, largest tree by 10 files', 'renameRatio'),
      flat('chmod, largest tree by 10 files', 'chmodRatio'),
      flat('contentSummary, largest tree by 10 files', 'contentSummaryRatio'),
      flat('recursive removal, largest tree by 10 files', 'removeRatio'),
      underFive('rename of the largest tree', 'renameMillis.FILES'),
      underFive('chmod of the largest tree', 'chmodMillis.FILES'),
      underFive('contentSummary of the largest tree', 'contentSummaryMillis.FILES'),
      underFive('recursive removal of the largest tree', 'removeMillis.FILES'),
    ],
  },
  {
    name: 'throughput',
    workload: 'throughput',
    args: ['--runs', '3'],
    tenth: ['--mebibytes', '103', '--no-cold'],
    bars: [
      { name: 'write by the raw disk', metric: 'rawWriteRatio', atLeast: 0.6, unit: 'times' },
      { name: 'cold read by the raw disk', metric: 'rawColdReadRatio', atLeast: 0.6, unit: 'times' },
      { name: 'warm read', metric: 'warmReadMiBPerSecond', atLeast: 1024, unit: 'MiB/s' },
      {
        name: 'flat memory of a datanode',
        metric: 'datanodeRssPeakBytes',
        atMost: 300 * MEBIBYTE,
        unit: 'MiB',
        scale: MEBIBYTE,
        always: true,
      },
    ],
  },
  {
    name: 'overwrite',
    workload: 'overwrite',
    args: ['--runs', '3'],
    tenth: ['--mebibytes', '103', '--overwrites', '10000', '--no-cold'],
    bars: [
      {
        name: 'read after 4 KiB writes by fresh',
        metric: 'overwrittenReadRatio',
        atLeast: 0.5,
        unit: 'times',
      },
    ],
  },
  {
    name: 'restart',
    workload: 'restart',
    args: ['--sizes', `10000,100000,${MILLION}`, '--clients', '2', '--runs', '3'],
    tenth: ['--sizes', '100000', '--clients', '2'],
    bars: [
      { name: 'first answer after a stop', metric: 'firstAnswerMillis.FILES', atMost: 3_000, unit: 'ms' },
      {
        name: 'first answer after kill -9',
        metric: 'firstAnswerAfterKillMillis.FILES',
        atMost: 3_000,
        unit: 'ms',
      },
    ],
  },
  {
    name: 'mixed',
    workload: 'mixed',
    args: ['--seconds', '600', '--kills', '10'],
    tenth: ['--seconds', '30', '--kills', '3'],
    bars: [
      { ...noErrors, name: 'mixed load on a mount: no step fails' },
      { name: 'mixed load: closed files are there', metric: 'lost', atMost: 0, unit: 'files', always: true },
      { name: 'mixed load: contents', metric: 'wrongContent', atMost: 0, unit: 'wrong', always: true },
      { name: 'mixed load: fsck', metric: 'problemsOfFsck', atMost: 0, unit: 'problems', always: true },
      {
        name: 'mixed load: flat memory of the daemon',
        metric: 'daemonRssGrowth',
        atMost: 1.1,
        unit: 'times',
      },
      { name: 'mixed load: descriptors', metric: 'daemonDescriptorGrowth', atMost: 1.1, unit: 'times' },
      { name: 'mixed load: inodes known', metric: 'daemonNodeGrowth', atMost: 1.1, unit: 'times' },
      {
        name: 'mixed load: flat memory of the namenode',
        metric: 'namenodeRssGrowth',
        atMost: 1.1,
        unit: 'times',
      },
      { name: 'mixed load: forgotten at last', metric: 'nodesLeft', atMost: 4, unit: 'inodes', always: true },
      { name: 'mixed load: closed at last', metric: 'handlesLeft', atMost: 0, unit: 'files', always: true },
    ],
  },
  memoryRun('memory', MILLION, 400),
  memoryRun('memory-3', 3 * MILLION, 500),
  {
    name: 'failover',
    workload: 'failover',
    args: ['--kills', '100'],
    tenth: ['--kills', '10'],
    bars: [
      noErrors,
      {
        name: 'acknowledged writes lost',
        metric: 'lostOperations',
        atMost: 0,
        unit: 'writes',
        always: true,
      },
      { name: 'leader killed, first write, median', metric: 'medianMillis', atMost: 1_000, unit: 'ms' },
      { name: 'leader killed, first write, 99 %', metric: 'p99Millis', atMost: 2_000, unit: 'ms' },
    ],
  },
  {
    name: 'crash',
    workload: 'crash',
    args: ['--kills', '50', '--clients', '2'],
    tenth: ['--kills', '5'],
    bars: [
      { name: 'kills: nothing acknowledged is lost', metric: 'lost', atMost: 0, unit: 'files', always: true },
      { name: 'kills: contents', metric: 'wrongContent', atMost: 0, unit: 'wrong', always: true },
      { name: 'kills: names', metric: 'wrongNames', atMost: 0, unit: 'wrong', always: true },
      { name: 'kills: totals', metric: 'wrongTotals', atMost: 0, unit: 'wrong', always: true },
      { name: 'kills: answers', metric: 'wrongAnswers', atMost: 0, unit: 'wrong', always: true },
      { name: 'kills: retried writes', metric: 'wrongReplays', atMost: 0, unit: 'wrong', always: true },
      { name: 'kills: fsck', metric: 'problemsOfFsck', atMost: 0, unit: 'problems', always: true },
    ],
  },
]

function memoryRun(name: string, files: number, megabytes: number): SoakRun {
  const inMegabytes = { atMost: megabytes * MILLION, unit: 'MB', scale: MILLION }
  return {
    name,
    workload: 'memory',
    args: ['--files', String(files), '--clients', '2'],
    tenth: ['--files', String(files / 10), '--clients', '2', '--seconds', '3'],
    bars: [
      { name: 'namenode with FILES files, in use', metric: 'rssBytes', ...inMegabytes },
      { name: 'namenode with FILES files, restarted', metric: 'rssBytesAfterRestart', ...inMegabytes },
      { name: 'disk of a namenode', metric: 'diskBytesPerFile', atMost: 400, unit: 'B/file' },
    ],
  }
}

export interface Verdict {
  readonly word: 'PASS' | 'MISS' | 'SKIP'
  /** For people: what, figure, limit. */
  readonly line: string
}

/** A figure that is missing is a miss; in a tenth, which leaves some out, the bar is skipped. */
export function judge(
  run: SoakRun,
  bar: Bar,
  metrics: Readonly<Record<string, number>>,
  part: 'whole' | 'tenth',
): Verdict {
  const size = largestSize(part === 'whole' ? run.args : run.tenth)
  const figure = metrics[bar.metric.replace('FILES', size)]
  const scale = bar.scale ?? 1
  const isMet =
    figure !== undefined &&
    figure >= (bar.atLeast ?? Number.NEGATIVE_INFINITY) &&
    figure <= (bar.atMost ?? Number.POSITIVE_INFINITY)
  const isLeftOut = figure === undefined && part === 'tenth' && bar.always !== true
  const word = isMet ? 'PASS' : isLeftOut ? 'SKIP' : 'MISS'
  const limit = `${bar.atLeast === undefined ? 'at most' : 'at least'} ${limitOf(bar) / scale}`
  const shown =
    figure === undefined ? 'no figure,' : Number((figure / scale).toPrecision(4)).toLocaleString('en-US')
  return { word, line: `${word}  ${bar.name.replace('FILES', size)}: ${shown} ${bar.unit} (${limit})` }
}

function limitOf({ atLeast, atMost }: Bar): number {
  return atLeast ?? atMost ?? 0
}

/** The last number of `--sizes`, or `--files`. */
function largestSize(args: readonly string[]): string {
  for (const option of ['--sizes', '--files']) {
    const at = args.indexOf(option)
    if (at >= 0) return args[at + 1]?.split(',').at(-1) ?? ''
  }
  return ''
}
