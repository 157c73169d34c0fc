/** Room on the disk of a folder. */
import { statfs } from 'node:fs/promises'
import type { Logger } from '@hopbine/common/base/log.ts'

/** A namenode that finds less cannot even replay its log, in bytes. */
const START_BYTES = 32 * 1024 * 1024
const LOOK_MS = 1_000

export async function diskSpace(folder: string): Promise<{ free: number; total: number }> {
  const { bavail, blocks, bsize } = await statfs(folder)
  return { free: bavail * bsize, total: blocks * bsize }
}

/** Resolves when there is room to start; says in the log what it waits for. */
export async function waitForSpace(folder: string, logger: Logger): Promise<void> {
  for (let told = false; ; told = true) {
    const { free } = await diskSpace(folder)
    if (free >= START_BYTES) return
    if (!told) logger.error({ folder, free, needed: START_BYTES }, 'waiting-for-disk-space')
    await new Promise(resolve => setTimeout(resolve, LOOK_MS))
  }
}
