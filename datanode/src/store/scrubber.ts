/**
 * Reads every block once a day and verifies it, no faster than its limit, so that a copy that went bad is
 * found while others are still good. It runs beside the service and never holds a block longer than one read.
 */
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { PACKET_BYTES_MAX } from '@hopbine/common/protocol/block.ts'
import type { BlockStore } from './block-store.ts'
import type { BlockName } from './layout.ts'

export interface ScrubberOptions {
  /** Bytes read per second, on average; 0: it does not run. */
  readonly bytesPerSecond: number
  readonly onBad: (name: BlockName, error: FsError) => Promise<void>
  readonly onRead: (bytes: number) => void
  /** Something other than a bad block went wrong; the pass goes on. */
  readonly onError: (error: unknown) => void
}

/** From the start of one pass to the start of the next. */
const PASS_PERIOD_MS = 24 * 60 * 60_000
/** The first pass begins so long after the start, so that a service that just came up is not slowed down. */
const FIRST_PASS_MS = 60_000

export class Scrubber {
  readonly #store: BlockStore
  readonly #options: ScrubberOptions
  #timer: NodeJS.Timeout | undefined
  #passing: Promise<unknown> | undefined
  #wake: (() => void) | undefined
  #stopped = false

  constructor(store: BlockStore, options: ScrubberOptions) {
    this.#store = store
    this.#options = options
  }

  start(): void {
    if (this.#options.bytesPerSecond > 0) this.#schedule(FIRST_PASS_MS)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake?.()
    await this.#passing
  }

  /** One pass over all blocks; answers how many were bad. */
  async pass(): Promise<number> {
    let bad = 0
    for await (const name of this.#store.names()) {
      if (this.#stopped) break
      if (!(await this.#isGood(name))) bad += 1
    }
    return bad
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const started = performance.now()
      this.#passing = this.pass()
        .catch(error => this.#options.onError(error))
        .finally(() => {
          if (!this.#stopped)
            this.#schedule(Math.max(FIRST_PASS_MS, started + PASS_PERIOD_MS - performance.now()))
        })
    }, delayMs)
    this.#timer.unref()
  }

  async #isGood(name: BlockName): Promise<boolean> {
    try {
      for (let position = 0; position >= 0 && !this.#stopped; ) position = await this.#step(name, position)
      return true
    } catch (error) {
      if (isFsError(error, 'CORRUPT')) {
        await this.#options.onBad(name, error)
        return false
      }
      // Dropped since it was listed: nothing to say about it.
      if (!isFsError(error, 'BLOCK_NOT_FOUND')) this.#options.onError(error)
      return true
    }
  }

  /** Verifies up to a megabyte; answers where to go on, or −1 at the end. */
  async #step(name: BlockName, position: number): Promise<number> {
    const held = await this.#store.use(name)
    const memory = this.#store.buffers.take(PACKET_BYTES_MAX)
    const started = performance.now()
    let end: number
    try {
      const view = held.file.view()
      end = Math.min(view.length, position + PACKET_BYTES_MAX)
      if (end <= position) return -1
      await held.file.read(view, position, end, memory).catch(error => {
        // Cut meanwhile: the view was old, and the next pass looks again.
        if (held.file.view().cuts === view.cuts) throw error
      })
    } finally {
      this.#store.buffers.give(memory)
      held.release()
    }
    this.#options.onRead(end - position)
    await this.#pause(started + ((end - position) / this.#options.bytesPerSecond) * 1000)
    return end
  }

  async #pause(untilMs: number): Promise<void> {
    const delayMs = untilMs - performance.now()
    if (delayMs <= 0 || this.#stopped) return
    await new Promise<void>(resolve => {
      this.#wake = resolve
      setTimeout(resolve, delayMs).unref()
    })
  }
}
