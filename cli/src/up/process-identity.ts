/**
 * Tells whether a process that was noted down earlier still runs, also when its number was given to another
 * one since: a process is known by its number, its start time and the boot during which it started.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, readlinkSync } from 'node:fs'

export interface ProcessIdentity {
  readonly pid: number
  /** Opaque; equal only for the same process. */
  readonly started: string
  /**
   * The space of process numbers that `pid` belongs to (a container has its own); empty where there is one
   * only.
   */
  readonly space: string
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) ?? '', space: ownSpace() }
}

/** `unknown`: the process belongs to another container, so its number says nothing here. */
export function stateOf(noted: ProcessIdentity): 'runs' | 'gone' | 'unknown' {
  if (noted.space !== ownSpace()) return 'unknown'
  return startOf(noted.pid) === noted.started ? 'runs' : 'gone'
}

/**
 * When the process started, or undefined if there is none of that number (or it is dead and not yet
 * collected).
 */
export function startOf(pid: number): string | undefined {
  return process.platform === 'linux' ? startOnLinux(pid) : startByPs(pid)
}

/**
 * proc(5): after the name in brackets come the state (field 3) and, as field 22, the start in ticks since
 * boot.
 */
function startOnLinux(pid: number): string | undefined {
  let stat: string
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  if (fields[0] === 'Z' || fields[0] === 'X') return undefined
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return `${boot}:${fields[19]}`
}

function startByPs(pid: number): string | undefined {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined
  }
  return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim()
}

function ownSpace(): string {
  return process.platform === 'linux' ? readlinkSync('/proc/self/ns/pid') : ''
}
