/**
 * Keeps a fixed number of operations of a load in flight over some connections, and measures them. It retries
 * nothing: the session does, and what still fails is counted as an error.
 */
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { Histogram } from './histogram.ts'
import type { Load, Step } from './load.ts'
import type { KindResult } from './messages.ts'

/** Failures that are kept in words. */
const FAILURES_MAX = 8

export class Pump {
  readonly #load: Load
  readonly #sessions: readonly RpcClient[]
  readonly #inFlight: number
  readonly #histograms: Histogram[]
  readonly #errors: number[]
  readonly failures: string[] = []
  #untilMs = 0

  constructor(load: Load, sessions: readonly RpcClient[], inFlight: number) {
    this.#load = load
    this.#sessions = sessions
    this.#inFlight = inFlight
    this.#histograms = load.kinds.map(() => new Histogram())
    this.#errors = load.kinds.map(() => 0)
  }

  /** Resolves when the time is over or nothing is left, and every operation has its answer. */
  async run(millis: number): Promise<void> {
    this.#untilMs = performance.now() + millis
    await Promise.all(Array.from({ length: this.#inFlight }, (_, slot) => this.#slot(slot)))
  }

  stop(): void {
    this.#untilMs = 0
  }

  results(): KindResult[] {
    return this.#load.kinds.map((name, kind) => ({
      name,
      errors: this.#errors[kind] as number,
      counters: (this.#histograms[kind] as Histogram).counters,
    }))
  }

  async #slot(slot: number): Promise<void> {
    const rpc = this.#sessions[slot % this.#sessions.length] as RpcClient
    for (let began = performance.now(); began < this.#untilMs; ) {
      const step = this.#load.next(slot)
      if (step === undefined) return
      try {
        await step.run(rpc)
        const ended = performance.now()
        ;(this.#histograms[step.kind] as Histogram).record(ended - began)
        began = ended
      } catch (error) {
        this.#failed(step, error)
        began = performance.now()
      }
    }
  }

  #failed(step: Step, error: unknown): void {
    this.#errors[step.kind]! += 1
    if (this.failures.length >= FAILURES_MAX) return
    const text = error instanceof Error ? error.message : String(error)
    this.failures.push(`${this.#load.kinds[step.kind]}: ${text}`)
  }
}
