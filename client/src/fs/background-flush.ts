/** Flushes that nobody waits for, one after another while they are due; a failure waits for who asks next. */
import type { GatheredWrites } from './gathered-writes.ts'

export class BackgroundFlush {
  readonly #gathered: GatheredWrites
  readonly #flush: () => Promise<void>
  /** Never rejects. */
  #running: Promise<void> | undefined
  #failure: unknown
  #isStopped = false

  /** `flush` takes its turn among the other work of its owner. */
  constructor(gathered: GatheredWrites, flush: () => Promise<void>) {
    this.#gathered = gathered
    this.#flush = flush
  }

  /** False: whoever writes must wait for a flush, or hear how the last one failed. */
  get hasRoom(): boolean {
    if (this.#failure !== undefined) return false
    return this.#running === undefined || this.#gathered.fullness !== 'full'
  }

  /** Begins if there is enough to flush; waits if there is too much, and throws if that failed. */
  async afterWrite(): Promise<void> {
    if (this.#running !== undefined && this.#gathered.fullness === 'full') await this.#running
    const failure = this.#failure
    this.#failure = undefined
    if (failure !== undefined) throw failure
    this.start()
  }

  /** Begins if there is enough to flush. What a flush that fails did not put away is still held. */
  start(): void {
    if (this.#running !== undefined || this.#isStopped || this.#gathered.fullness === 'room') return
    this.#running = this.#flush().then(
      () => {
        this.#running = undefined
        this.start()
      },
      (error: unknown) => {
        this.#running = undefined
        this.#failure = error
      },
    )
  }

  /** What the last failure left was flushed since. */
  forgetFailure(): void {
    this.#failure = undefined
  }

  stop(): void {
    this.#isStopped = true
  }
}
