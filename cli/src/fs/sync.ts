/** `-sync`: resolves when everything that was acknowledged before is on disk. */
import type { FsCommand } from './command.ts'

const sync: FsCommand = {
  name: 'sync',
  usage: '',
  sentence: 'Waits until everything acknowledged so far is on disk at the servers.',
  flags: [],
  arguments: [0, 0],
  printsJson: false,
  // A namenode answers a write only when its log is synced, and a linearizable read waits for every earlier
  // write.
  async run(call) {
    await call.fs.getFileStatus('/')
  },
}

export const commands = [sync]
