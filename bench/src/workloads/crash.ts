/**
 * `crash`: namenode and datanodes are killed again and again, some in the middle of their start, while
 * clients change files. Afterwards every acknowledged operation must be there with its bytes, the check of
 * the filesystem must find nothing, and every total must be exact. A killed process loses its memory, not the
 * kernel's: power cuts are not tried.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { Order, Totals } from '../load/fleet.ts'
import { SeededRandom } from '../load/random.ts'
import { type Metrics, median } from '../report/metrics.ts'
import { removeTree } from './filled-tree.ts'
import { ReplayCheck } from './replay-check.ts'
import { type Bench, defineWorkload } from './workload.ts'

const base = '/bench-crash'
const options = [
  { name: 'kills', type: 'count', minimum: 1, default: 50, sentence: 'How often a server is killed.' },
  {
    name: 'role',
    type: 'choice',
    choices: ['any', 'namenode', 'datanode'],
    default: 'any',
    sentence: 'Which servers are killed.',
  },
  { name: 'datanodes', type: 'count', minimum: 1, default: 3, sentence: 'Datanodes.' },
  { name: 'replication', type: 'count', minimum: 1, default: 2, sentence: 'Copies of each block.' },
  { name: 'kibibytes', type: 'count', minimum: 1, default: 512, sentence: 'Largest write, in KiB.' },
  { name: 'in-flight', type: 'count', minimum: 1, default: 16, sentence: 'Operations in flight.' },
  { name: 'pause', type: 'count', default: 1000, sentence: 'Longest time between two kills, in ms.' },
  { name: 'seed', type: 'count', default: 1, sentence: 'Of the moments of the kills and of the operations.' },
] as const

/** How long a client goes on trying, in milliseconds. */
const RETRY_MS = 60_000
/** Longest time that a killed server stays away, in milliseconds. */
const AWAY_MS_MAX = 400
/** Share of kills after which the server is killed once more while it starts. */
const TWICE_SHARE = 0.25
/** Latest moment of that second kill after the start of the process, in milliseconds. */
const START_MS_MAX = 700

interface Kills {
  readonly namenode: number
  readonly datanode: number
  readonly duringStart: number
  readonly wrongReplays: number
  readonly restartMillis: number
}

export const workload = defineWorkload({
  name: 'crash',
  sentence: 'Kill servers under load, then check that nothing acknowledged is lost.',
  options,
  datanodes: values => values.datanodes,
  mustOwn: true,
  async measure(bench, values, repetition) {
    const rpc = await bench.cluster.operator()
    await rpc.call(metadata.mkdirs, { path: base, mode: 0o755 })
    const { kibibytes, replication } = values
    const order = {
      load: { name: 'crash', base, replication, kibibytesMax: kibibytes },
      connections: bench.fleet.size,
      inFlight: values['in-flight'],
      seed: values.seed + repetition,
      retryMs: RETRY_MS,
    } as const
    const [totals, kills] = await loadWhile(bench, order, () => killAgainAndAgain(bench, values, repetition))
    for (const failure of totals.failures) bench.note(`wrong: ${failure}`)
    const { problems } = await rpc.call(fsck, { repair: false })
    for (const problem of problems) bench.note(`fsck: ${problem}`)
    return metricsOf(totals, kills, problems.length)
  },
  async cleanUp(bench) {
    await removeTree(bench, base)
  },
})

/**
 * Runs a load until `body` is done, which begins when the load does; waits for both, whatever becomes of
 * them.
 */
async function loadWhile<T>(bench: Bench, order: Order, body: () => Promise<T>): Promise<[Totals, T]> {
  const begun = Promise.withResolvers<void>()
  const running = bench.fleet.run(order, { onBegin: async () => begun.resolve() })
  running.catch(begun.reject)
  const doing = begun.promise.then(body).finally(() => bench.fleet.halt())
  await Promise.allSettled([running, doing])
  return [await running, await doing]
}

async function killAgainAndAgain(
  bench: Bench,
  values: { kills: number; role: string; datanodes: number; pause: number; seed: number },
  repetition: number,
): Promise<Kills> {
  const random = new SeededRandom(values.seed * 31 + repetition)
  const counts = { namenode: 0, datanode: 0, duringStart: 0, wrongReplays: 0 }
  const restarts: number[] = []
  const replay = new ReplayCheck(() => bench.cluster.leaderDoor(), `${base}/replay-${bench.run}`)
  for (let kill = 0; kill < values.kills; kill++) {
    await sleep(random.below(values.pause + 1))
    const isNamenode = values.role === 'any' ? random.below(2) === 0 : values.role === 'namenode'
    const role = isNamenode ? namenodeOf(bench, random) : `datanode-${1 + random.below(values.datanodes)}`
    if (isNamenode) await replay.send()
    await bench.cluster.end(role, 'SIGKILL')
    counts[isNamenode ? 'namenode' : 'datanode'] += 1
    await sleep(random.below(AWAY_MS_MAX))
    if (random.fraction() < TWICE_SHARE) {
      await bench.cluster.startAndKill(role, random.below(START_MS_MAX))
      counts.duringStart += 1
    }
    const began = performance.now()
    await bench.cluster.startAgain(role)
    if (!isNamenode) continue
    restarts.push(performance.now() - began)
    const wrong = await replay.sendAgain()
    for (const line of wrong) bench.note(`replay: ${line}`)
    counts.wrongReplays += wrong.length
  }
  return { ...counts, restartMillis: restarts.length === 0 ? 0 : median(restarts) }
}

/** The namenode, or some member of the group: in the long run each leads as often. */
function namenodeOf({ cluster }: Bench, random: SeededRandom): string {
  const { namenodeRoles } = cluster
  return namenodeRoles[random.below(namenodeRoles.length)] as string
}

function metricsOf(totals: Totals, kills: Kills, problems: number): Metrics {
  const { counts } = totals
  const count = (name: string): number => counts[name] ?? 0
  const wrong = ['lost', 'wrongContent', 'wrongNames', 'wrongTotals'] as const
  const wrongAnswers = totals.errors
  const byKind = [...totals.kinds].flatMap(([kind, { histogram, errors }]) => [
    [`operationsByKind.${kind}`, histogram.count],
    [`errorsByKind.${kind}`, errors],
  ])
  const found = wrong.reduce((sum, name) => sum + count(name), 0)
  return {
    errors: found + wrongAnswers + kills.wrongReplays + problems,
    killsNamenode: kills.namenode,
    killsDatanode: kills.datanode,
    killsDuringStart: kills.duringStart,
    restartMillis: kills.restartMillis,
    acknowledged: count('acknowledged'),
    unanswered: count('unanswered'),
    unreadable: count('unreadable'),
    verifiedFiles: count('verifiedFiles'),
    verifiedBytes: count('verifiedBytes'),
    ...Object.fromEntries(wrong.map(name => [name, count(name)])),
    wrongAnswers,
    wrongReplays: kills.wrongReplays,
    problemsOfFsck: problems,
    opsPerSecond: (totals.operations * 1000) / totals.elapsedMs,
    ...Object.fromEntries(byKind),
  }
}
