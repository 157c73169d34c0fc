/**
 * Room on the disk of a data folder, looked up at most once a second, and whether new blocks are still taken.
 */
import { statfsSync } from 'node:fs'

export interface DiskSpace {
  readonly capacityBytes: number
  readonly freeBytes: number
  /** Less is free than the reserve. */
  readonly isFull: boolean
}

const FRESH_MS = 1_000

export class SpaceGauge {
  readonly #path: string
  readonly #reserveBytes: number
  #atMs = Number.NEGATIVE_INFINITY
  #last: DiskSpace = { capacityBytes: 0, freeBytes: 0, isFull: false }

  constructor(path: string, reserveBytes: number) {
    this.#path = path
    this.#reserveBytes = reserveBytes
  }

  read(): DiskSpace {
    if (performance.now() - this.#atMs < FRESH_MS) return this.#last
    const { blocks, bavail, bsize } = statfsSync(this.#path)
    const freeBytes = bavail * bsize
    this.#last = { capacityBytes: blocks * bsize, freeBytes, isFull: freeBytes < this.#reserveBytes }
    this.#atMs = performance.now()
    return this.#last
  }
}
