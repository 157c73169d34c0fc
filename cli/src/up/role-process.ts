/**
 * One run of a role as a child process: starts it with its log file, hears whether it became ready, and
 * tells how it ended. It never restarts; the supervisor does.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { mountNodeFlags } from '../mount/node-flags.ts'
import { isRoleMessage, type ReadyMessage } from './role-message.ts'

export interface RoleEnd {
  /** For example `exit status 1` or `SIGKILL`. */
  readonly how: string
  /** What the role itself said about why it could not start. */
  readonly sentence: string | undefined
}

export class RoleProcess {
  readonly #child: ChildProcess
  #sentence: string | undefined
  /** Resolves to the role's addresses, or to undefined if it ended first. */
  readonly ready: Promise<ReadyMessage | undefined>
  readonly ended: Promise<RoleEnd>

  constructor(argv: readonly string[], logFile: string) {
    const log = openSync(logFile, 'a', 0o600)
    const main = fileURLToPath(new URL('../main.ts', import.meta.url))
    const flags = argv[0] === 'mount' ? mountNodeFlags() : process.execArgv
    this.#child = spawn(process.execPath, [...flags, main, ...argv], {
      stdio: ['ignore', log, log, 'ipc'],
    })
    closeSync(log)
    this.ended = this.#watchEnd()
    this.ready = this.#watchReady()
  }

  /** Undefined if the process could not be started at all. */
  get pid(): number | undefined {
    return this.#child.pid
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal)
  }

  #watchEnd(): Promise<RoleEnd> {
    return new Promise(resolve => {
      this.#child.once('error', error => resolve({ how: error.message, sentence: this.#sentence }))
      this.#child.once('exit', (code, signal) =>
        resolve({ how: signal ?? `exit status ${code}`, sentence: this.#sentence }),
      )
    })
  }

  #watchReady(): Promise<ReadyMessage | undefined> {
    return new Promise(resolve => {
      this.#child.on('message', message => {
        if (!isRoleMessage(message)) return
        if (message.type === 'ready') resolve(message)
        else this.#sentence = message.sentence
      })
      this.#child.once('exit', () => resolve(undefined))
      this.#child.once('error', () => resolve(undefined))
    })
  }
}
