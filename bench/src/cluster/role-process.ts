/**
 * One server process, started by the same command that operators use. It says when it serves; it is never
 * started again by itself, and it goes when the bench process goes.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { BenchError } from '../failure.ts'
import { pinned } from '../machine/pin.ts'
import type { TcpAddress } from './home-folder.ts'

export interface RoleStart {
  readonly role: string
  /** Words for `hopbine`. */
  readonly argv: readonly string[]
  readonly logFile: string
  /** Added to the environment, for example `NODE_OPTIONS`. */
  readonly environment?: Readonly<Record<string, string>>
  /** Core that it stays on from its first instruction. */
  readonly core?: number
}

const LAUNCHER = fileURLToPath(new URL('../../../scripts/hopbine', import.meta.url))
/** Lines of a server's log that are shown when it cannot start or ends by itself. */
const LOG_LINES_SHOWN = 8

export class RoleProcess {
  readonly role: string
  readonly pid: number
  readonly address: TcpAddress
  readonly #child: ChildProcess
  readonly #logFile: string
  #asked = false

  private constructor(start: RoleStart, child: ChildProcess, address: TcpAddress) {
    this.role = start.role
    this.#logFile = start.logFile
    this.pid = child.pid as number
    this.address = address
    this.#child = child
  }

  /** Resolves when it serves. */
  static async start(start: RoleStart): Promise<RoleProcess> {
    const child = launch(start)
    const address = await ready(child)
    if (address === undefined) {
      throw new BenchError(`${start.role} did not start; ${await endOf(start.logFile)}`)
    }
    return new RoleProcess(start, child, address)
  }

  /** Starts it and kills it so many milliseconds later, whatever it does then. */
  static async startAndKill(start: RoleStart, killAfterMs: number): Promise<void> {
    const child = launch(start)
    const ended = once(child, 'exit')
    const timer = setTimeout(() => child.kill('SIGKILL'), killAfterMs)
    await ended
    clearTimeout(timer)
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** How it ended and the end of its log, if it ended although nobody here asked it to. */
  async death(): Promise<string | undefined> {
    if (this.isRunning || this.#asked) return undefined
    const how = this.#child.signalCode ?? `exit status ${this.#child.exitCode}`
    return `${this.role} ended (${how}); ${await endOf(this.#logFile)}`
  }

  /** Stops it where it is, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Asks it to stop, or kills it, and resolves when it has ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.isRunning) return
    this.#asked = true
    const ended = once(this.#child, 'exit')
    this.#child.kill(signal)
    await ended
  }
}

function launch(start: RoleStart): ChildProcess {
  const log = openSync(start.logFile, 'a', 0o600)
  const [command, ...argv] = [...pinned(start.core), LAUNCHER, ...start.argv]
  const child = spawn(command as string, argv, {
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, ...start.environment },
  })
  closeSync(log)
  return child
}

function ready(child: ChildProcess): Promise<TcpAddress | undefined> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', () => resolve(undefined))
    child.on('message', message => {
      const { type, host, port } = message as { type: string; host: string; port: number }
      if (type === 'ready') resolve({ host, port })
    })
  })
}

async function endOf(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').slice(-LOG_LINES_SHOWN)
  return `the end of ${logFile}:\n${lines.join('\n')}`
}
