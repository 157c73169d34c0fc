/** Memory and file descriptors of a process over time, and whether they grow. */
import { readdir } from 'node:fs/promises'
import { median } from '../report/metrics.ts'
import { memoryOf } from './process-usage.ts'

interface Sample {
  readonly rssBytes: number
  readonly descriptors: number
  readonly extra: number
}

export class ResourceTrace {
  readonly #samples: Sample[] = []

  /** Looks once; `extra` is any other number that must not grow. Nothing if the process is gone. */
  async sample(pid: number, extra = 0): Promise<void> {
    try {
      const { rssBytes } = await memoryOf(pid)
      const descriptors = (await readdir(`/proc/${pid}/fd`)).length
      this.#samples.push({ rssBytes, descriptors, extra })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT' && code !== 'ESRCH') throw error
    }
  }

  /** Another process takes the place of this one. */
  restart(): void {
    this.#samples.length = 0
  }

  get rssPeakBytes(): number {
    return Math.max(0, ...this.#samples.map(({ rssBytes }) => rssBytes))
  }

  /** Median of the last third by that of the third before; the first one is for warming up. */
  growth(of: keyof Sample): number {
    const third = Math.floor(this.#samples.length / 3)
    if (third === 0) return 1
    const values = this.#samples.map(sample => sample[of])
    const before = median(values.slice(-2 * third, -third))
    const last = median(values.slice(-third))
    return before === 0 ? 1 + last : last / before
  }
}
