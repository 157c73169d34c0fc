/**
 * The life of one mount in its own process: mounts, says so, serves until it is unmounted or told to stop.
 * Under `up` it also ends when the supervising process is gone.
 */
import { Mount, type MountOptions } from '@hopbine/client/fuse/mount.ts'
import { EXIT } from '../exit.ts'
import type { HomeLayout } from '../home/layout.ts'
import { sentenceOf } from '../output/sentence.ts'
import type { RoleMessage } from '../up/role-message.ts'
import { deadJournals, newJournal } from './journals.ts'
import { PublishedMount, takeDeadSessions } from './mount-state.ts'

/** Resolves to the exit code when the mount is gone. */
export async function runMount(
  layout: HomeLayout,
  options: Omit<MountOptions, 'deadSessions' | 'deadJournals' | 'journal'>,
  leases: 'leases' | 'sync' = 'sync',
): Promise<number> {
  const stopping = stopRequest()
  try {
    const mount = await Mount.start({
      ...options,
      journal: leases === 'leases' ? newJournal(layout) : undefined,
      deadJournals: deadJournals(layout),
      deadSessions: takeDeadSessions(layout),
    })
    const { path, readOnly } = options
    const { directory, clientId } = mount
    const about = { directory, path, readOnly, clientId }
    const published = await PublishedMount.publish(layout, about, () => mount.figures())
    try {
      tell({ type: 'ready', host: '', port: 0, metricsPort: 0 })
      if (!isSupervised()) {
        process.stderr.write(`${path} is mounted at ${mount.directory}; Ctrl-C or umount ends it\n`)
      }
      const ended = mount.ended.then(() => 'ended')
      if ((await Promise.race([ended, stopping])) === 'stop') await mount.stop()
      await ended
      return EXIT.ok
    } finally {
      published.withdraw()
    }
  } catch (error) {
    const sentence = sentenceOf(error)
    if (sentence === undefined || !isSupervised()) throw error
    tell({ type: 'failed', sentence })
    process.stderr.write(`${sentence}\n`)
    return EXIT.failure
  }
}

/** Resolves when the daemon should unmount. A second signal ends it at once where nobody supervises it. */
function stopRequest(): Promise<'stop'> {
  return new Promise(resolve => {
    let asked = false
    const ask = (): void => {
      if (asked && !isSupervised()) process.exit(EXIT.interrupted)
      asked = true
      resolve('stop')
    }
    process.on('SIGTERM', ask)
    // Ctrl-C reaches the whole terminal group; who supervises decides what it means.
    process.on('SIGINT', () => (isSupervised() ? undefined : ask()))
    process.on('SIGHUP', () => (isSupervised() ? undefined : ask()))
    if (isSupervised()) process.on('disconnect', ask)
  })
}

function isSupervised(): boolean {
  return process.send !== undefined
}

function tell(message: RoleMessage): void {
  if (process.connected) process.send?.(message)
}
