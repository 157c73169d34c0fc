/** Keeps a process, with all its threads, on one core. Needs `taskset` of util-linux. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { BenchError } from '../failure.ts'

const run = promisify(execFile)

/** Words in front of a command that keep it on a core from its start. */
export function pinned(core: number | undefined): string[] {
  return core === undefined ? [] : ['taskset', '--cpu-list', String(core)]
}

export async function pinProcess(pid: number, core: number): Promise<void> {
  try {
    await run('taskset', ['--all-tasks', '--cpu-list', '--pid', String(core), String(pid)])
  } catch (error) {
    throw new BenchError(`cannot pin process ${pid} to core ${core}: ${(error as Error).message}`)
  }
}
