/**
 * `mixed`: programs make, change, read and remove files of all sizes on one mount, whose daemon is killed now
 * and then at first. What was closed must be there with its bytes; what the daemon and the namenode use must
 * not grow; when everything is removed the daemon must have forgotten it. Needs root.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import { Mounted } from '../integration/mounted.ts'
import { SeededRandom } from '../load/random.ts'
import { ResourceTrace } from '../machine/resource-trace.ts'
import type { Metrics } from '../report/metrics.ts'
import { MixedWorker } from './mixed-worker.ts'
import { type Bench, defineWorkload } from './workload.ts'

const options = [
  { name: 'seconds', type: 'count', minimum: 2, default: 600, sentence: 'How long, in seconds.' },
  { name: 'kills', type: 'count', default: 10, sentence: 'Kills of the daemon, in the first two fifths.' },
  { name: 'workers', type: 'count', minimum: 1, default: 4, sentence: 'Programs at a time.' },
  { name: 'seed', type: 'count', default: 1, sentence: 'Of the steps, and of the moments of the kills.' },
] as const

/** Share of the time in which the daemon is killed; the rest shows whether it grows. */
const KILLS_SHARE = 0.4
/** Between two looks at the processes, in milliseconds. */
const SAMPLE_MS = 1_000
/** How long the kernel may take to forget what was removed, in milliseconds. */
const FORGET_MS = 10_000

interface Figures {
  readonly nodes: number
  readonly handles: number
}

export const workload = defineWorkload({
  name: 'mixed',
  sentence: 'Files of all sizes on one mount, with kills of its daemon: nothing lost, nothing grows.',
  options,
  datanodes: () => 2,
  mustOwn: true,
  async measure(bench, values, repetition) {
    const mounted = await Mounted.start(bench.cluster.home.path)
    try {
      return await new MixedRun(bench, mounted, values, repetition).run()
    } finally {
      await mounted.remove()
    }
  },
})

interface Settings {
  readonly seconds: number
  readonly kills: number
  readonly workers: number
  readonly seed: number
}

class MixedRun {
  readonly #bench: Bench
  readonly #mounted: Mounted
  readonly #settings: Settings
  readonly #random: SeededRandom
  readonly #workers: MixedWorker[] = []
  readonly #daemon = new ResourceTrace()
  readonly #namenode = new ResourceTrace()
  #isOver = false

  constructor(bench: Bench, mounted: Mounted, settings: Settings, repetition: number) {
    this.#bench = bench
    this.#mounted = mounted
    this.#settings = settings
    const { seed } = settings
    this.#random = new SeededRandom(seed * 37 + repetition)
    for (let worker = 0; worker < settings.workers; worker++) {
      const random = new SeededRandom(this.#random.word())
      this.#workers.push(new MixedWorker(mounted.path(`worker${worker}`), random))
    }
  }

  async run(): Promise<Metrics> {
    const { seconds, kills } = this.#settings
    for (const worker of this.#workers) await worker.start()
    const works = this.#workers.map(worker => worker.work(() => this.#isOver))
    const endMs = performance.now() + seconds * 1000
    try {
      await this.#killTimes(kills, seconds * 1000 * KILLS_SHARE)
      this.#daemon.restart()
      while (performance.now() < endMs) await this.#look()
    } finally {
      this.#isOver = true
      await Promise.all(works)
    }
    for (const worker of this.#workers) await worker.verify()
    return this.#metrics(seconds)
  }

  /** At moments drawn within so many milliseconds. */
  async #killTimes(kills: number, ms: number): Promise<void> {
    for (let kill = 0; kill < kills; kill++) {
      await sleep((ms / kills) * (0.5 + this.#random.fraction() / 2))
      for (const worker of this.#workers) worker.isServed = false
      await this.#mounted.crash()
      await this.#mounted.mount()
      for (const worker of this.#workers) {
        await worker.verify()
        worker.isServed = true
      }
    }
  }

  async #look(): Promise<void> {
    const { nodes } = await this.#figures()
    await this.#daemon.sample(this.#mounted.pid, nodes)
    await this.#namenode.sample(this.#bench.cluster.pidOf('namenode'))
    await sleep(SAMPLE_MS)
  }

  async #figures(): Promise<Figures> {
    return (await this.#mounted.figures()) as unknown as Figures
  }

  async #metrics(seconds: number): Promise<Metrics> {
    const sum = (of: 'operations' | 'lost' | 'wrong'): number =>
      this.#workers.reduce((total, worker) => total + worker[of], 0)
    const problems = this.#workers.flatMap(worker => worker.problems)
    for (const problem of problems.slice(0, 20)) this.#bench.note(problem)
    for (const worker of this.#workers) await worker.remove()
    const { nodes, handles } = await this.#forgotten()
    const rpc = await this.#bench.cluster.operator()
    const found = await rpc.call(fsck, { repair: false })
    for (const problem of found.problems) this.#bench.note(`fsck: ${problem}`)
    return {
      errors: problems.length + found.problems.length,
      operations: sum('operations'),
      opsPerSecond: sum('operations') / seconds,
      lost: sum('lost'),
      wrongContent: sum('wrong'),
      problemsOfFsck: found.problems.length,
      daemonRssPeakBytes: this.#daemon.rssPeakBytes,
      daemonRssGrowth: this.#daemon.growth('rssBytes'),
      daemonDescriptorGrowth: this.#daemon.growth('descriptors'),
      daemonNodeGrowth: this.#daemon.growth('extra'),
      namenodeRssGrowth: this.#namenode.growth('rssBytes'),
      nodesLeft: nodes,
      handlesLeft: handles,
    }
  }

  /** What the daemon still knows when the kernel has had time to forget. */
  async #forgotten(): Promise<Figures> {
    const limit = this.#settings.workers
    for (const deadline = performance.now() + FORGET_MS; ; await sleep(100)) {
      const figures = await this.#figures()
      const isDone = figures.nodes <= limit && figures.handles === 0
      if (isDone || performance.now() > deadline) return figures
    }
  }
}
