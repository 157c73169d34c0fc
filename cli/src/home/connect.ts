/**
 * Connects a command to the installation of a home folder. While `up` runs but its namenode is just being
 * started, for the first time or again, it waits a while instead of failing.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type ConnectOptions, FileSystem, isFsError } from '@hopbine/client/index.ts'
import { CommandError } from '../exit.ts'
import { layoutOf } from './layout.ts'

/**
 * How long a namenode may be away, or not be there yet, while `up` runs, and between two tries, in
 * milliseconds.
 */
const AWAY_MS = 15_000
const POLL_MS = 100

/** Throws UNAVAILABLE at once where nothing runs on the home, and CommandError where it does not answer. */
export async function connectHome(
  home: string,
  options: Omit<ConnectOptions, 'home'> = {},
): Promise<FileSystem> {
  const deadline = performance.now() + AWAY_MS
  for (;;) {
    try {
      return await FileSystem.connect({ ...options, home })
    } catch (error) {
      if (!isFsError(error, 'UNAVAILABLE')) throw error
      const pid = await runningUp(home)
      if (pid === undefined) throw error
      if (performance.now() > deadline) throw awayError(home, pid)
    }
    await sleep(POLL_MS)
  }
}

/** The process number of the `up` of a home, if it runs. */
async function runningUp(home: string): Promise<number | undefined> {
  const { lockHolder } = await import('../up/lock.ts')
  return lockHolder(layoutOf(home).lockFile)?.pid
}

function awayError(home: string, pid: number): CommandError {
  const what = `Hopbine runs at ${home} (process ${pid}), but its namenode does not answer`
  return new CommandError(`${what}; its log is ${layoutOf(home).logFile('namenode')}`)
}
