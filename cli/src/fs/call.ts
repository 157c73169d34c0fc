/**
 * One call of a `hopbine fs` command: its flags and arguments, the filesystem, where results go, and the
 * memory of what failed. A failure on one path is told at once and the command goes on with the next; the
 * exit code is 1 then.
 */
import type { FileSystem } from '@hopbine/client/index.ts'
import { EXIT } from '../exit.ts'
import type { Printer } from '../output/printer.ts'
import { messageOf } from './path-error.ts'
import type { NewFiles } from './properties.ts'

export interface CallParts {
  /** Name of the command without its dash. */
  readonly name: string
  /** Flags given, with their values; '' for those that have none. */
  readonly flags: ReadonlyMap<string, string>
  readonly args: readonly string[]
  readonly json: boolean
  /** How files that the command makes are stored. */
  readonly newFiles: NewFiles
  readonly fs: FileSystem
  readonly out: Printer
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal
}

export class ShellCall {
  readonly name: string
  readonly args: readonly string[]
  readonly json: boolean
  readonly newFiles: NewFiles
  readonly fs: FileSystem
  readonly out: Printer
  readonly signal: AbortSignal
  readonly #flags: ReadonlyMap<string, string>
  exitCode: number = EXIT.ok
  /** Errors told so far. */
  failures = 0

  constructor(parts: CallParts) {
    this.name = parts.name
    this.args = parts.args
    this.json = parts.json
    this.newFiles = parts.newFiles
    this.fs = parts.fs
    this.out = parts.out
    this.signal = parts.signal
    this.#flags = parts.flags
  }

  /** Whether any of these flags was given. */
  has(...names: readonly string[]): boolean {
    return names.some(name => this.#flags.has(name))
  }

  value(name: string): string | undefined {
    return this.#flags.get(name)
  }

  /** Tells an error that concerns `path` and remembers it. A defect, or the end by Ctrl-C, is thrown on. */
  fail(error: unknown, path?: string): void {
    if (this.signal.aborted) throw error
    const message = messageOf(error, path)
    if (message === undefined) throw error
    process.stderr.write(`${this.name}: ${message}\n`)
    this.exitCode = EXIT.failure
    this.failures += 1
  }

  /** Does something for one path; what fails there is told and the caller goes on. */
  async attempt(path: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.fail(error, path)
    }
  }

  /** Words for people about what goes on. */
  note(text: string): void {
    process.stderr.write(`${text}\n`)
  }
}
