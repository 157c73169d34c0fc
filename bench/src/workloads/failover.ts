/**
 * `failover`: the leader of a group is killed, or stopped where it is, again and again while clients write.
 * Measured is the time until a client that keeps trying has its first write done; afterwards every write that
 * was acknowledged must be there, none may have happened twice, and all members must have the same state.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { SeededRandom } from '../load/random.ts'
import { type Metrics, median } from '../report/metrics.ts'
import { removeTree } from './filled-tree.ts'
import { type Bench, defineWorkload } from './workload.ts'

const base = '/bench-failover'
const options = [
  { name: 'kills', type: 'count', minimum: 1, default: 20, sentence: 'How often the leader is killed.' },
  {
    name: 'how',
    type: 'choice',
    choices: ['kill', 'stop'],
    default: 'kill',
    sentence: 'Kill -9 the leader, or stop it where it is and let it go on later.',
  },
  { name: 'members', type: 'count', minimum: 3, default: 3, sentence: 'Namenodes of the group.' },
  { name: 'writers', type: 'count', minimum: 1, default: 8, sentence: 'Clients that write all the time.' },
  { name: 'pause', type: 'count', default: 1000, sentence: 'Longest time between two kills, in ms.' },
  { name: 'seed', type: 'count', default: 1, sentence: 'Of the moments of the kills.' },
] as const

/** How long a client goes on trying, in milliseconds. */
const RETRY_MS = 60_000
/** How long a killed leader stays away, or stopped, in milliseconds. */
const AWAY_MS = 2_000
/** How long members may take to have the same state, in milliseconds. */
const LEVEL_MS = 60_000
/** Names in one page of a listing. */
const PAGE = 1_000

/** A client that makes one directory after the other, and remembers which were acknowledged. */
class Writer {
  readonly folder: string
  readonly rpc: RpcClient
  acknowledged = 0
  /** Writes that were answered with what only a second application can be answered with. */
  twice = 0
  readonly failures: string[] = []
  #isOver = false

  constructor(rpc: RpcClient, folder: string) {
    this.rpc = rpc
    this.folder = folder
  }

  /** One write; rejects when it was given up. */
  async write(): Promise<void> {
    await this.rpc.call(metadata.mkdir, { path: `${this.folder}/${this.acknowledged}`, mode: 0o755 })
    this.acknowledged += 1
  }

  async writeOn(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.write()
      } catch (error) {
        if (isFsError(error, 'ALREADY_EXISTS')) this.twice += 1
        this.failures.push((error as Error).message)
        return
      }
    }
  }

  end(): void {
    this.#isOver = true
  }

  /** Acknowledged writes that are not there, and names that nobody was told of. */
  async check(): Promise<{ lost: number; unknown: number }> {
    const found = new Set<string>()
    for (let after = ''; ; ) {
      const { entries, more } = await this.rpc.call(metadata.list_, { path: this.folder, after, max: PAGE })
      for (const { name } of entries) found.add(name)
      if (!more) break
      after = entries.at(-1)?.name ?? ''
    }
    let lost = 0
    for (let number = 0; number < this.acknowledged; number++) if (!found.delete(String(number))) lost += 1
    return { lost, unknown: found.size }
  }
}

export const workload = defineWorkload({
  name: 'failover',
  sentence: 'Kill the leader of a group again and again, and time the first write after it.',
  options,
  datanodes: () => 0,
  namenodes: values => values.members,
  mustOwn: true,
  async measure(bench, values, repetition) {
    const door = await bench.cluster.door()
    const operator = new RpcClient({ ...door, retryMs: RETRY_MS })
    const folder = `${base}/${bench.run}-${repetition}`
    const writers = Array.from({ length: values.writers + 1 }, (_, at) => {
      return new Writer(new RpcClient({ ...door, retryMs: RETRY_MS }), `${folder}/writer-${at}`)
    })
    try {
      for (const writer of writers) await operator.call(metadata.mkdirs, { path: writer.folder, mode: 0o755 })
      const [prober, ...others] = writers as [Writer, ...Writer[]]
      const loads = others.map(writer => writer.writeOn())
      const began = performance.now()
      const times = await failAgainAndAgain(bench, values, repetition, prober)
      const elapsedMs = performance.now() - began
      for (const writer of others) writer.end()
      await Promise.all(loads)
      await bench.cluster.group.untilLevel(LEVEL_MS)
      const { problems } = await operator.call(fsck, { repair: false })
      for (const problem of problems) bench.note(`fsck: ${problem}`)
      return await metricsOf(bench, writers, times, problems.length, elapsedMs)
    } finally {
      for (const { rpc } of writers) rpc.close()
      operator.close()
    }
  },
  async cleanUp(bench) {
    await removeTree(bench, base)
  },
})

/** Milliseconds from each kill to the first write that began after it. */
async function failAgainAndAgain(
  bench: Bench,
  values: { kills: number; how: string; pause: number; seed: number },
  repetition: number,
  prober: Writer,
): Promise<number[]> {
  const { cluster } = bench
  const random = new SeededRandom(values.seed * 31 + repetition)
  const times: number[] = []
  for (let kill = 0; kill < values.kills; kill++) {
    await sleep(random.below(values.pause + 1))
    // The session is that of a client at work: it has a connection to the leader.
    await prober.write()
    const role = `namenode-${await cluster.group.leader()}`
    const began = performance.now()
    if (values.how === 'stop') cluster.signal(role, 'SIGSTOP')
    const ended = values.how === 'stop' ? undefined : cluster.end(role, 'SIGKILL')
    await prober.write()
    times.push(performance.now() - began)
    bench.note(`${kill + 1}: ${role} away, first write after ${Math.round(times.at(-1) as number)} ms`)
    await ended
    await sleep(AWAY_MS)
    if (values.how === 'stop') cluster.signal(role, 'SIGCONT')
    else await cluster.startAgain(role)
    await cluster.group.untilLevel(LEVEL_MS)
  }
  return times
}

async function metricsOf(
  bench: Bench,
  writers: readonly Writer[],
  times: readonly number[],
  problems: number,
  elapsedMs: number,
): Promise<Metrics> {
  let [lost, unknown, twice, failed, acknowledged] = [0, 0, 0, 0, 0]
  for (const writer of writers) {
    const found = await writer.check()
    lost += found.lost
    unknown += found.unknown
    twice += writer.twice
    failed += writer.failures.length
    acknowledged += writer.acknowledged
    for (const failure of writer.failures) bench.note(`given up: ${failure}`)
  }
  const sorted = times.toSorted((a, b) => a - b)
  return {
    errors: lost + unknown + failed + problems,
    kills: times.length,
    medianMillis: median(times),
    p99Millis: sorted[Math.ceil(sorted.length * 0.99) - 1] as number,
    maxMillis: sorted.at(-1) as number,
    minMillis: sorted[0] as number,
    acknowledged,
    opsPerSecond: (acknowledged * 1000) / elapsedMs,
    lostOperations: lost,
    unknownNames: unknown,
    appliedTwice: twice,
    givenUp: failed,
    problemsOfFsck: problems,
  }
}
