/** Waiting for another session's write lease of a file, which ends with that session's close or sync. */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFsError } from '@hopbine/common/base/errors.ts'

/** How long another session's lease is waited for, and between two tries, in milliseconds; then EBUSY. */
const LEASE_WAIT_MS = 5_000
const PAUSE_MS_MIN = 5
const PAUSE_MS_MAX = 100

/** Does the work, again while it is refused for the lease of another. */
export async function whileLeased<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LEASE_WAIT_MS
  for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    try {
      return await work()
    } catch (error) {
      if (!isFsError(error, 'LEASE_CONFLICT') || performance.now() > deadline) throw error
      await sleep(pauseMs)
    }
  }
}
