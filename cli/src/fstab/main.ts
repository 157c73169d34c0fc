/**
 * The helper that mount(8) starts for `mount -t fuse.hopbine` and for lines of fstab, as
 * `/sbin/mount.fuse.hopbine`. Exit codes are mount(8)'s.
 */
import { spawnSync } from 'node:child_process'
import { command } from '../commands/mount.ts'
import { UsageError } from '../exit.ts'
import { parseCommandLine } from '../options/command-line.ts'
import { sentenceOf } from '../output/sentence.ts'
import { readMountWords } from './mount-words.ts'

/** mount(8): what exit codes mean. */
const MOUNT_EXIT = { ok: 0, usage: 1, failure: 32 } as const

async function run(args: readonly string[]): Promise<number> {
  const request = readMountWords(args)
  if (request.kind === 'nothing') return MOUNT_EXIT.ok
  if (request.kind === 'mount') {
    const code = await command.run(parseCommandLine(command, request.words))
    return code === 0 ? MOUNT_EXIT.ok : MOUNT_EXIT.failure
  }
  const { status, error } = spawnSync('mount', request.words, { stdio: 'inherit' })
  if (error !== undefined) throw error
  return status ?? MOUNT_EXIT.failure
}

try {
  process.exit(await run(process.argv.slice(2)))
} catch (error) {
  const sentence = sentenceOf(error)
  if (sentence === undefined) throw error
  process.stderr.write(`mount.hopbine: ${sentence}\n`)
  process.exit(error instanceof UsageError ? MOUNT_EXIT.usage : MOUNT_EXIT.failure)
}
