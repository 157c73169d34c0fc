/**
 * Connects a command to the installation of a home folder. While `up` runs but its namenode is just being
 * started again, it waits a while instead of failing.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectOptions, FileSystem, isFsError } from '@hopbine/client/index.ts'
import { layoutOf } from './layout.ts'

/** How long a namenode may be away while `up` runs, and between two tries, in milliseconds. */
const AWAY_MS = 15_000
const POLL_MS = 100

/** Throws UNAVAILABLE at once where nothing runs on the home. */
export async function connectHome(
  home: string,
  options: Omit<ConnectOptions, 'home'> = {},
): Promise<FileSystem> {
  const deadline = performance.now() + AWAY_MS
  for (;;) {
    try {
      return await FileSystem.connect({ ...options, home })
    } catch (error) {
      if (!isFsError(error, 'UNAVAILABLE') || !(await isUp(home)) || performance.now() > deadline) throw error
    }
    await sleep(POLL_MS)
  }
}

/** Whether `up` is there and has been ready. */
async function isUp(home: string): Promise<boolean> {
  const { existsSync } = await import('node:fs')
  const { lockHolder } = await import('../up/lock.ts')
  const { lockFile, upFile } = layoutOf(home)
  return lockHolder(lockFile) !== undefined && existsSync(upFile)
}
