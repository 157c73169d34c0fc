/**
 * Progress of a copy: counts files and bytes, and on a terminal shows one bar on standard error with the
 * rate and the time left. Without a terminal it only counts.
 */
import type { SingleBar } from 'cli-progress'
import { humanSize } from './sizes.ts'
import { durationText } from './spans.ts'

/** Redraws per second. */
const FPS = 8
/** A copy that is over sooner shows no bar, in milliseconds. */
const SHOW_AFTER_MS = 400

export class Progress {
  files = 0
  bytes = 0
  /** What there is to do; grows while it is still being counted. */
  filesTotal = 0
  bytesTotal = 0
  /** Whether the totals are final, so that the time left can be told. */
  isCounted = false
  readonly #startedMs = performance.now()
  #bar: SingleBar | undefined
  #timer: NodeJS.Timeout | undefined

  /** Shows the bar from now on, if standard error is a terminal. */
  show(): void {
    if (!process.stderr.isTTY) return
    this.#timer = setTimeout(() => void this.#start(), SHOW_AFTER_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#bar?.update(this.bytes)
    this.#bar?.stop()
  }

  /** The words beside the bar. */
  text(): string {
    const seconds = (performance.now() - this.#startedMs) / 1000
    const rate = this.bytes / Math.max(seconds, 0.001)
    const left = this.isCounted && rate > 0 ? (this.bytesTotal - this.bytes) / rate : undefined
    const files = `${this.files}${this.isCounted ? `/${this.filesTotal}` : ''} files`
    const bytes = `${humanSize(this.bytes)}B of ${humanSize(this.bytesTotal)}B`
    const tail = left === undefined ? '' : `, ${durationText(Math.max(left, 0) * 1000)} left`
    return `${files}, ${bytes}, ${humanSize(Math.round(rate))}B/s${tail}`
  }

  async #start(): Promise<void> {
    const { default: cliProgress } = await import('cli-progress')
    const bar = new cliProgress.SingleBar({
      format: ({ barsize = 20 }, { progress }) => {
        const done = Math.round(Math.min(progress, 1) * barsize)
        return `[${'#'.repeat(done)}${'-'.repeat(barsize - done)}] ${this.text()}`
      },
      barsize: 20,
      fps: FPS,
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    })
    bar.start(Math.max(this.bytesTotal, 1), this.bytes)
    this.#bar = bar
    this.#timer = setInterval(() => {
      bar.setTotal(Math.max(this.bytesTotal, this.bytes, 1))
      bar.update(this.bytes)
    }, 1000 / FPS)
    this.#timer.unref()
  }
}
