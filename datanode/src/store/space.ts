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
/** Kept free unless the operator says otherwise: so much, on a small disk at most this share of it. */
const RESERVE_BYTES = 256 * 1024 * 1024
const RESERVE_SHARE_MAX = 1 / 6

/** What a datanode keeps free by default. Less than a namenode on the same disk wants, which stops first. */
export function reserveFor(folder: string): number {
  const { blocks, bsize } = statfsSync(folder)
  return Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_SHARE_MAX)
}

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
