/**
 * What this machine is and how fast it is today, so that reports of different days can be compared: the
 * processor by hashing, the disk by its flush.
 */
import { createHash } from 'node:crypto'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { cpus, hostname, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'

export interface Machine {
  readonly date: string
  readonly host: string
  readonly cpuModel: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** Load average of the last minute when the run began: what else was going on. */
  readonly loadAverage: number
  /** Time to hash 1 GiB by SHA-256 on one core. */
  readonly sha256MillisPerGiB: number
  /** Median of writing 4 KiB to the end of a file and flushing it. */
  readonly fdatasyncMicrosMedian: number
}

const CHUNK_BYTES = 1024 * 1024
const WRITE_BYTES = 4096
const FLUSHES = 201

/** `folder` lies on the disk that the servers use; `hashMebibytes` is 1,024 but in tests. */
export async function describeMachine(folder: string, hashMebibytes: number): Promise<Machine> {
  const loadAverage = loadavg()[0] ?? 0
  return {
    date: new Date().toISOString(),
    host: hostname(),
    cpuModel: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.versions.node,
    loadAverage,
    sha256MillisPerGiB: hashMillis(hashMebibytes),
    fdatasyncMicrosMedian: await flushMicros(folder),
  }
}

function hashMillis(mebibytes: number): number {
  const chunk = Buffer.alloc(CHUNK_BYTES, 'hopbine')
  const hash = createHash('sha256')
  const began = performance.now()
  for (let at = 0; at < mebibytes; at++) hash.update(chunk)
  hash.digest()
  return ((performance.now() - began) * 1024) / mebibytes
}

async function flushMicros(folder: string): Promise<number> {
  const own = await mkdtemp(join(folder, 'calibration-'))
  const file = await open(join(own, 'flush'), 'w')
  const chunk = Buffer.alloc(WRITE_BYTES, 1)
  const micros: number[] = []
  try {
    for (let at = 0; at < FLUSHES; at++) {
      await file.write(chunk, 0, WRITE_BYTES, at * WRITE_BYTES)
      const began = performance.now()
      await file.datasync()
      micros.push((performance.now() - began) * 1000)
    }
  } finally {
    await file.close()
    await rm(own, { recursive: true })
  }
  micros.sort((left, right) => left - right)
  return micros[FLUSHES >> 1] as number
}
