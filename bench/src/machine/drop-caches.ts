/** Empties the kernel's page cache, so that the next read comes from the disk. Needs root on Linux. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { BenchError } from '../failure.ts'

const run = promisify(execFile)
const SWITCH = '/proc/sys/vm/drop_caches'
/** Pages, and what is known about names and inodes. */
const EVERYTHING = '3'

/** Dirty pages are written first: the kernel drops only clean ones. */
export async function dropCaches(): Promise<void> {
  await run('sync')
  try {
    await writeFile(SWITCH, EVERYTHING)
  } catch (error) {
    throw new BenchError(`cannot drop the page cache (${(error as Error).message}): run as root`)
  }
}
