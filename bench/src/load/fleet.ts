/**
 * Several load generators as child processes: gives each its share of a load, lets them begin together, and
 * adds up what they measured. The caller measures the servers between `onBegin` and `onEnd`.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { BenchError } from '../failure.ts'
import { pinProcess } from '../machine/pin.ts'
import { Histogram } from './histogram.ts'
import type { LoadSpec } from './kinds/registry.ts'
import type { Door, FromGenerator, Job, LoadResult, ToGenerator } from './messages.ts'

export interface Order {
  readonly load: LoadSpec
  readonly connections: number
  readonly inFlight: number
  readonly seconds?: number
  readonly warmUpSeconds?: number
  readonly seed?: number
  readonly retryMs?: number
}

export interface Moments {
  /** Everything is warm; operations begin when it resolves. */
  onBegin?(): Promise<void>
  /** Every operation has its answer. */
  onEnd?(): Promise<void>
}

export interface KindTotals {
  readonly histogram: Histogram
  errors: number
}

export interface Totals {
  readonly kinds: ReadonlyMap<string, KindTotals>
  readonly operations: number
  readonly errors: number
  readonly elapsedMs: number
  readonly clientCpuMicros: number
  readonly failures: readonly string[]
  readonly counts: Readonly<Record<string, number>>
}

/** A generator makes garbage only; a larger nursery costs it less of the core that it shares with others. */
const GENERATOR_HEAP = '--max-semi-space-size=64'
const SEED = 20_261_124

export class Fleet {
  readonly #door: Door
  readonly #generators: readonly ChildProcess[]

  private constructor(door: Door, generators: readonly ChildProcess[]) {
    this.#door = door
    this.#generators = generators
  }

  /** Starts so many generators; with `core` they all stay on it. */
  static async start(door: Door, count: number, core?: number): Promise<Fleet> {
    const main = new URL('./main.ts', import.meta.url)
    const generators = Array.from({ length: count }, () =>
      fork(main, {
        serialization: 'advanced',
        execArgv: [...process.execArgv, GENERATOR_HEAP],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      }),
    )
    await Promise.all(generators.map(generator => once(generator, 'spawn')))
    if (core !== undefined) for (const { pid } of generators) await pinProcess(pid as number, core)
    return new Fleet(door, generators)
  }

  get size(): number {
    return this.#generators.length
  }

  /** Runs one load to its end. A generator that cannot prepare it ends everything with its error. */
  async run(order: Order, moments: Moments = {}): Promise<Totals> {
    const ready = this.#generators.map(generator => answer(generator, 'ready'))
    this.#generators.forEach((generator, index) => {
      send(generator, { type: 'load', job: this.#job(order, index) })
    })
    await Promise.all(ready)
    await moments.onBegin?.()
    const began = performance.now()
    const done = this.#generators.map(generator => answer(generator, 'done'))
    for (const generator of this.#generators) send(generator, { type: 'go' })
    const results = (await Promise.all(done)).map(({ result }) => result)
    const elapsedMs = performance.now() - began
    await moments.onEnd?.()
    const finished = this.#generators.map(generator => answer(generator, 'finished'))
    for (const generator of this.#generators) send(generator, { type: 'finish' })
    const counts = (await Promise.all(finished)).map(message => message.counts)
    return totalsOf(results, counts, elapsedMs)
  }

  /** Lets a running load come to its end early. */
  halt(): void {
    for (const generator of this.#generators) if (generator.connected) send(generator, { type: 'stop' })
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#generators.map(async generator => {
        if (generator.exitCode !== null || generator.signalCode !== null) return
        const ended = once(generator, 'exit')
        generator.disconnect()
        await ended
      }),
    )
  }

  #job(order: Order, generator: number): Job {
    const generators = this.size
    const { load, seconds, retryMs } = order
    return {
      door: this.#door,
      load,
      generator,
      generators,
      connections: shareOf(order.connections, generators, generator),
      inFlight: shareOf(order.inFlight, generators, generator),
      ...(seconds === undefined ? {} : { seconds }),
      ...(retryMs === undefined ? {} : { retryMs }),
      warmUpSeconds: order.warmUpSeconds ?? 0,
      seed: (order.seed ?? SEED) + generator,
    }
  }
}

/** Part number `index` of `whole` in so many nearly equal parts, at least one. */
function shareOf(whole: number, parts: number, index: number): number {
  return Math.max(1, Math.floor(whole / parts) + (index < whole % parts ? 1 : 0))
}

function send(generator: ChildProcess, message: ToGenerator): void {
  generator.send(message)
}

type Answer<Type extends FromGenerator['type']> = Extract<FromGenerator, { type: Type }>

function answer<Type extends FromGenerator['type']>(
  generator: ChildProcess,
  type: Type,
): Promise<Answer<Type>> {
  return new Promise((resolve, reject) => {
    const onMessage = (value: unknown): void => {
      const message = value as FromGenerator
      if (message.type === type) resolve(message as Answer<Type>)
      else if (message.type === 'failed')
        reject(new BenchError(`a load generator failed: ${message.message}`))
      else return
      generator.off('message', onMessage)
      generator.off('exit', onExit)
    }
    const onExit = (code: number | null, signal: string | null): void => {
      reject(new BenchError(`a load generator ended early (${signal ?? `exit status ${code}`})`))
    }
    generator.on('message', onMessage)
    generator.once('exit', onExit)
  })
}

function totalsOf(
  results: readonly LoadResult[],
  counted: readonly Totals['counts'][],
  elapsedMs: number,
): Totals {
  const kinds = new Map<string, KindTotals>()
  for (const result of results) {
    for (const { name, errors, counters } of result.kinds) {
      const totals = kinds.get(name) ?? { histogram: new Histogram(), errors: 0 }
      totals.histogram.add(counters)
      totals.errors += errors
      kinds.set(name, totals)
    }
  }
  const counts: Record<string, number> = {}
  for (const one of counted) {
    for (const [name, value] of Object.entries(one)) counts[name] = (counts[name] ?? 0) + value
  }
  const all = [...kinds.values()]
  return {
    kinds,
    operations: all.reduce((sum, { histogram }) => sum + histogram.count, 0),
    errors: all.reduce((sum, { errors }) => sum + errors, 0),
    elapsedMs,
    clientCpuMicros: results.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0),
    failures: results.flatMap(({ failures }) => failures),
    counts,
  }
}
