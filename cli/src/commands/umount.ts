/** `hopbine umount`: ends a mount and returns when its daemon has saved everything and is gone. */

import { realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { unmount } from '@hopbine/client/fuse/session/mount-point.ts'
import { MOUNT_TYPE, mountAt, mountTable } from '@hopbine/client/fuse/session/mount-table.ts'
import { CommandError, EXIT } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { runningMounts } from '../mount/mount-state.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption } from '../options/common.ts'
import { stateOf } from '../up/process-identity.ts'

/** How long the daemon may take to end, and between two looks, in milliseconds. */
const END_MS = 15_000
const POLL_MS = 20

export const command = defineCommand({
  name: 'umount',
  sentence: 'Unmounts a directory and waits until its daemon has ended.',
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
    await unmount(directory, { lazy: values.lazy })
    if (daemon === undefined || values.lazy) return EXIT.ok
    for (const deadline = performance.now() + END_MS; stateOf(daemon.process) === 'runs'; ) {
      if (performance.now() > deadline) {
        throw new CommandError(`${directory} is unmounted, and process ${daemon.process.pid} is still busy`)
      }
      await sleep(POLL_MS)
    }
    return EXIT.ok
  },
})

/** The last name is not looked at: the daemon may not answer. */
function realDirectory(path: string): string {
  const absolute = resolve(path)
  return absolute === '/' ? absolute : join(realpathSync(dirname(absolute)), basename(absolute))
}
