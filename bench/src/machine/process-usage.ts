/** What Linux says about a running process: CPU time of all its threads, and its memory. */
import { readFile } from 'node:fs/promises'

/** Clock ticks per second in /proc/PID/stat: 100 on every Linux that user programs see. */
const TICKS_PER_SECOND = 100
const MICROS_PER_TICK = 1_000_000 / TICKS_PER_SECOND
/**
 * Places of utime and stime behind the command name, which may hold anything but ends at the last
 * parenthesis.
 */
const USER_FIELD = 11
const SYSTEM_FIELD = 12
/** The same of children that have ended and were waited for. */
const CHILDREN_USER_FIELD = 13
const CHILDREN_SYSTEM_FIELD = 14

/** User and system time in microseconds, to ten milliseconds. */
export async function cpuMicrosOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[USER_FIELD]) + Number(fields[SYSTEM_FIELD])) * MICROS_PER_TICK
}

/** Time that all cores together were busy since the machine started, in microseconds. */
export async function machineBusyMicros(): Promise<number> {
  const text = await readFile('/proc/stat', 'utf8')
  const [user, nice, system, , , irq, softirq] = (text.split('\n')[0] ?? '').split(/ +/).slice(1).map(Number)
  const ticks = [user, nice, system, irq, softirq].reduce<number>((sum, part) => sum + (part ?? 0), 0)
  return ticks * MICROS_PER_TICK
}

export interface MemoryUse {
  /** Resident now. */
  readonly rssBytes: number
  /** Highest that resident memory was. */
  readonly peakBytes: number
}

export async function memoryOf(pid: number): Promise<MemoryUse> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0)
  return { rssBytes: kibibytes('VmRSS') * 1024, peakBytes: kibibytes('VmHWM') * 1024 }
}

/** User and system time of the children of this process that have ended, in microseconds. */
export async function endedChildrenMicros(): Promise<number> {
  const text = await readFile('/proc/self/stat', 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[CHILDREN_USER_FIELD]) + Number(fields[CHILDREN_SYSTEM_FIELD])) * MICROS_PER_TICK
}
