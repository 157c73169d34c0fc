/**
 * A directory that is measured: its name in the report, and the processes that serve it. For a mount of
 * Hopbine they are found by its home; for others they are told.
 */
import { realpath, stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { MOUNT_TYPE, mountAt, mountTable } from '@hopbine/client/fuse/session/mount-table.ts'
import type { HomeFolder } from '../cluster/home-folder.ts'
import { BenchError, UsageError } from '../failure.ts'
import { cpuMicrosOf } from '../machine/process-usage.ts'

export interface Target {
  readonly name: string
  readonly directory: string
  /** Filesystem type if something is mounted exactly there; else `local`. */
  readonly type: string
  readonly pids: readonly number[]
}

/** Servers count as quiet when they used at most so much CPU time between two looks so far apart. */
const QUIET_MICROS = 20_000
const QUIET_LOOK_MS = 150
/** After this the measurement goes on, in milliseconds: housekeeping may never end. */
const QUIET_MS_MAX = 10_000

/** From `NAME=DIR` and `NAME=PID,PID`. Throws UsageError, or BenchError for what does not run. */
export async function targetsOf(
  words: readonly string[],
  pidWords: readonly string[],
  home: HomeFolder,
): Promise<Target[]> {
  const pairs = words.map(word => pairOf(word, 'NAME=DIR'))
  if (pairs.length === 0) throw new UsageError('name at least one directory: NAME=DIR')
  const names = pairs.map(([name]) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`two directories have the name ${twice}`)
  const pids = new Map(pidWords.map(word => pidsOf(word, names)))
  return Promise.all(pairs.map(([name, directory]) => targetOf(name, directory, pids.get(name), home)))
}

async function targetOf(
  name: string,
  directory: string,
  pids: readonly number[] | undefined,
  home: HomeFolder,
): Promise<Target> {
  const real = await realpath(directory).catch((error: Error) => {
    throw new BenchError(`${directory} cannot be used: ${error.message}`)
  })
  if (!(await stat(real)).isDirectory()) throw new BenchError(`${directory} is not a directory`)
  const type = mountAt(await mountTable(), real)?.type ?? 'local'
  if (pids !== undefined) return { name, directory: real, type, pids }
  if (type !== MOUNT_TYPE) return { name, directory: real, type, pids: [] }
  const found = await home.mountPids(real)
  if (found === undefined) {
    const how = 'give its home with --home DIR, or its processes with --pids'
    throw new BenchError(`${directory} is a mount of Hopbine that does not belong to ${home.path}: ${how}`)
  }
  return { name, directory: real, type, pids: found }
}

function pairOf(word: string, form: string): [string, string] {
  const at = word.indexOf('=')
  const [name, value] = [word.slice(0, at), word.slice(at + 1)]
  if (at < 0 || !/^[a-z][a-z0-9_-]*$/i.test(name) || value === '')
    throw new UsageError(`${word} is not ${form}`)
  return [name, value]
}

function pidsOf(word: string, names: readonly string[]): [string, number[]] {
  const [name, list] = pairOf(word, 'NAME=PID,PID')
  if (!names.includes(name)) throw new UsageError(`--pids ${word}: no directory has the name ${name}`)
  const pids = list.split(',').map(Number)
  if (pids.some(pid => !Number.isInteger(pid) || pid < 1)) throw new UsageError(`${word} is not NAME=PID,PID`)
  return [name, pids]
}

/** User and system time of all its servers so far. Throws BenchError when one is gone. */
export async function serverMicros({ name, pids }: Target): Promise<number> {
  let sum = 0
  for (const pid of pids) {
    sum += await cpuMicrosOf(pid).catch((error: NodeJS.ErrnoException) => {
      throw new BenchError(`process ${pid} of ${name} is gone (${error.code})`)
    })
  }
  return sum
}

/** Resolves when the servers have nothing left to do: what they put off belongs to what caused it. */
export async function untilQuiet(target: Target): Promise<void> {
  if (target.pids.length === 0) return
  const deadline = performance.now() + QUIET_MS_MAX
  for (let before = await serverMicros(target); performance.now() < deadline; ) {
    await sleep(QUIET_LOOK_MS)
    const now = await serverMicros(target)
    if (now - before <= QUIET_MICROS) return
    before = now
  }
}
