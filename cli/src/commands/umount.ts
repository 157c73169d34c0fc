/** `hopbine umount`: ends a mount and returns when its daemon has saved everything and is gone. */

import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { abortConnection } from '@hopbine/client/fuse/session/abort-connection.ts'
import { unmount } from '@hopbine/client/fuse/session/mount-point.ts'
import { MOUNT_TYPE, type Mounted, mountAt, mountTable } from '@hopbine/client/fuse/session/mount-table.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { within } from '@hopbine/common/base/within.ts'
import { CommandError, EXIT } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { figuresOf, type MountState, runningMounts } from '../mount/mount-state.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption } from '../options/common.ts'
import { stateOf } from '../up/process-identity.ts'

/** How long the daemon may take to save everything and end, in milliseconds. */
const END_MS = 15_000
/** How long it may take to end when its connection was aborted, in milliseconds. */
const ABORTED_MS = 3_000
/** Between two looks at the daemon, and two tries while the mount is in use, in milliseconds. */
const POLL_MS = 20
const BUSY_MS = 500

export const command = defineCommand({
  name: 'umount',
  sentence: 'Unmounts a directory and waits until its daemon has ended; cuts off one that does not answer.',
  usage: 'DIR',
  words: [1, 1],
  options: [
    homeOption,
    {
      name: 'lazy',
      type: 'flag',
      sentence: 'Take it out of the tree at once, also while it is in use.',
    },
  ],
  async run({ values, positionals }) {
    const directory = realDirectory(positionals[0] as string)
    const mounted = mountAt(await mountTable(), directory)
    if (mounted?.type !== MOUNT_TYPE) throw new CommandError(`no Hopbine is mounted at ${directory}`)
    const daemon = runningMounts(layoutOf(homeOf(values.home))).find(state => state.directory === directory)
    if (values.lazy) {
      await unmount(directory, { lazy: true })
      return EXIT.ok
    }
    const deadline = performance.now() + END_MS
    if (!(await unmountBy(directory, daemon, deadline))) return cutOff(mounted, daemon)
    if (daemon === undefined || (await hasEndedBy(daemon, deadline))) return EXIT.ok
    throw new CommandError(`${directory} is unmounted, and process ${daemon.process.pid} is still busy`)
  },
})

/** False if it cannot be unmounted in time. Throws BUSY if it is in use and its daemon answers. */
async function unmountBy(
  directory: string,
  daemon: MountState | undefined,
  deadline: number,
): Promise<boolean> {
  for (;;) {
    try {
      return await within(unmount(directory, { lazy: false }), deadline - performance.now())
    } catch (error) {
      if (!isFsError(error, 'BUSY')) throw error
      if (daemon !== undefined && (await figuresOf(daemon)) !== undefined) throw error
      if (performance.now() > deadline) return false
      await sleep(BUSY_MS)
    }
  }
}

async function hasEndedBy({ process }: MountState, deadline: number): Promise<boolean> {
  while (stateOf(process) === 'runs') {
    if (performance.now() > deadline) return false
    await sleep(POLL_MS)
  }
  return true
}

/** The kernel ends everything that waits for the daemon, and the directory goes. Throws what that means. */
async function cutOff({ mountPoint, device }: Mounted, daemon: MountState | undefined): Promise<never> {
  const isThere = async (): Promise<boolean> => mountAt(await mountTable(), mountPoint)?.device === device
  await abortConnection(device)
  if (await isThere()) {
    await unmount(mountPoint, { lazy: true }).catch(async (error: unknown) => {
      // What was waiting before may have ended meanwhile.
      if (await isThere()) throw error
    })
  }
  const seconds = END_MS / 1000
  const what =
    `${mountPoint} did not let go within ${seconds} s and was cut off. What programs wrote there and ` +
    'neither closed nor synced is lost; what the mount had answered is in its journal for the next ' +
    'hopbine mount.'
  const isLeft = daemon !== undefined && !(await hasEndedBy(daemon, performance.now() + ABORTED_MS))
  const left = isLeft ? ` Its process ${daemon.process.pid} is still there: end it with kill -9 first.` : ''
  throw new CommandError(`${what}${left}`)
}

/** The last name is not looked at: the daemon may not answer. */
function realDirectory(path: string): string {
  const absolute = resolve(path)
  return absolute === '/' ? absolute : join(realpathSync(dirname(absolute)), basename(absolute))
}
