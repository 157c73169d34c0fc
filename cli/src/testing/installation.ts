/**
 * A whole installation for tests: `scripts/hopbine up` as a process of its own in a temporary home, and
 * commands run against it as processes, the way users do. It ends only what it started.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { UpFile } from '../home/up-file.ts'

export const LAUNCHER = fileURLToPath(new URL('../../../scripts/hopbine', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

export interface RunOptions {
  readonly input?: string | Buffer
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** A command that was started and may still run. */
export class Running {
  readonly child: ChildProcess
  readonly ended: Promise<Ended>
  #out: Buffer[] = []
  #err = ''

  constructor(args: readonly string[], options: RunOptions = {}) {
    const env = { ...process.env, ...options.env }
    this.child = spawn(LAUNCHER, [...args], {
      env,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    })
    this.child.stdout?.on('data', (chunk: Buffer) => this.#out.push(chunk))
    this.child.stderr?.on('data', (chunk: Buffer) => {
      this.#err += chunk.toString()
    })
    this.child.stdin?.on('error', (error: NodeJS.ErrnoException) => {
      // A command that does not read its input may end before it is written.
      if (error.code !== 'EPIPE') throw error
    })
    this.child.stdin?.end(options.input)
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject)
      this.child.once('close', (code, signal) =>
        resolve({ code, signal, out: Buffer.concat(this.#out).toString(), err: this.#err }),
      )
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  /** Waits until a text is on its standard error. Throws with what it said if it ends instead. */
  async says(text: string): Promise<void> {
    let ended: Ended | undefined
    this.ended.then(result => {
      ended = result
    }, FAILED)
    await until(`${text} is said`, () => this.#err.includes(text) || ended !== undefined)
    if (!this.#err.includes(text)) throw new Error(`it ended: ${JSON.stringify(ended)}`)
  }

  get err(): string {
    return this.#err
  }
}

export function run(args: readonly string[], options?: RunOptions): Promise<Ended> {
  return new Running(args, options).ended
}

/** Waits until something holds. Throws after a time that only a defect exceeds. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limitMs = 20_000,
): Promise<void> {
  const deadline = performance.now() + limitMs
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${limitMs} ms`)
    await sleep(20)
  }
}

const FAILED = (error: unknown): never => {
  throw error
}

export class Installation {
  readonly home: string
  #running: Running | undefined

  /** `home`: an existing folder to go on with; by default a new one. */
  constructor(home = mkdtempSync(join(tmpdir(), 'hopbine-cli-'))) {
    this.home = home
  }

  /** Starts `up` and resolves when it is ready. Throws with what it said if it ends instead. */
  async up(args: readonly string[] = [], options?: RunOptions): Promise<Running> {
    const running = new Running(['up', '--home', this.home, ...args], options)
    this.#running = running
    let ended: Ended | undefined
    running.ended.then(result => {
      ended = result
    }, FAILED)
    await until('up is ready', () => ended !== undefined || this.upFile()?.pid === running.pid)
    if (ended !== undefined) throw new Error(`up ended: ${JSON.stringify(ended)}`)
    return running
  }

  upFile(): UpFile | undefined {
    const path = join(this.home, 'up.json')
    return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as UpFile) : undefined
  }

  run(...args: string[]): Promise<Ended> {
    return run(args, { env: { HOPBINE_HOME: this.home } })
  }

  fs(...args: string[]): Promise<Ended> {
    return this.run('fs', ...args)
  }

  fsWith(options: RunOptions, ...args: string[]): Promise<Ended> {
    return run(['fs', ...args], { ...options, env: { HOPBINE_HOME: this.home, ...options.env } })
  }

  /** Stops `up` in order, if it runs. */
  async down(): Promise<Ended | undefined> {
    this.#running?.child.kill('SIGTERM')
    return this.#running?.ended
  }

  async remove(): Promise<void> {
    await this.down()
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Whether a process of that number runs (a dead one that nobody has collected does not). */
export function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`
  if (!existsSync('/proc/self/stat')) return isSignalled(pid)
  try {
    const stat = readFileSync(path, 'utf8')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? '')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return false
    throw error
  }
}

function isSignalled(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}
