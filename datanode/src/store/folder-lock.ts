/**
 * Keeps two datanodes out of one data folder. The lock file names its holder: process, when that process
 * started, the boot, and the PID namespace. A holder that is dead is replaced at once; one in another
 * namespace or on another machine cannot be looked at, so its lock counts until it has not been touched for
 * half a minute.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'

/** The holder touches its lock this often, and one untouched for so long is stale, in milliseconds. */
const TOUCH_MS = 5_000
const STALE_MS = 30_000
/** Two that replace a stale lock at once see after this time which one came last, in milliseconds. */
const SETTLE_MS = 100

interface Holder {
  readonly pid: number
  /** Clock ticks since boot when the process started; empty where the system does not tell. */
  readonly started: string
  /** Machine, boot and PID namespace: where a `pid` means something. */
  readonly world: string
  readonly token: string
}

export class FolderLock {
  readonly #path: string
  readonly #timer: NodeJS.Timeout

  private constructor(path: string) {
    this.#path = path
    this.#timer = setInterval(() => utimesSync(path, new Date(), new Date()), TOUCH_MS)
    this.#timer.unref()
  }

  /** Throws BUSY while another process uses the folder. */
  static async take(dataDir: string): Promise<FolderLock> {
    const path = join(dataDir, 'lock')
    const own: Holder = { ...describe(process.pid), token: randomBytes(8).toString('hex') }
    const text = JSON.stringify(own)
    if (!createNew(path, text)) {
      refuseIfHeld(path, dataDir)
      const fresh = `${path}.${own.token}`
      writeFileSync(fresh, text, { mode: 0o600 })
      renameSync(fresh, path)
      await new Promise(resolve => setTimeout(resolve, SETTLE_MS))
      if (readFileSync(path, 'utf8') !== text) throw held(dataDir)
    }
    return new FolderLock(path)
  }

  release(): void {
    clearInterval(this.#timer)
    rmSync(this.#path, { force: true })
  }
}

function createNew(path: string, text: string): boolean {
  try {
    writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw fromNodeError(error as NodeJS.ErrnoException, 'lock the data folder')
  }
}

function refuseIfHeld(path: string, dataDir: string): void {
  const holder = readHolder(path)
  const here = describe(process.pid)
  // A holder cut short while it wrote its lock died at that moment, or is about to be seen again.
  const canLook = holder !== undefined && holder.world === here.world
  if (canLook) {
    const now = describe(holder.pid)
    if (now.started !== 'gone' && now.started === holder.started) throw held(dataDir, holder.pid)
  } else if (Date.now() - statSync(path).mtimeMs < STALE_MS) {
    throw held(dataDir, holder?.pid)
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw fromNodeError(error as NodeJS.ErrnoException, 'read the lock of the data folder')
  }
}

function held(dataDir: string, pid?: number): FsError {
  const who = pid === undefined ? 'another process' : `process ${pid}`
  return new FsError('BUSY', `${dataDir} is in use by ${who}`)
}

function describe(pid: number): Omit<Holder, 'token'> {
  const world = [hostname(), bootId(), pidNamespace()].join(' ')
  return { pid, started: startTime(pid), world }
}

function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; the start time is the 20th field after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  } catch {
    return isAlive(pid) ? '' : 'gone'
  }
}

/** For systems without /proc: whether a signal could be sent. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function bootId(): string {
  return readOr(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
}

function pidNamespace(): string {
  return readOr(() => readlinkSync('/proc/self/ns/pid'))
}

/** Empty on systems that do not have it, so that it tells nothing apart there. */
function readOr(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}
