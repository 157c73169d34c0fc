/**
 * How a command ends: exit codes, and the errors that end one with a sentence instead of a stack trace.
 * An error that is neither one of these nor an `FsError` is a defect and keeps its stack.
 */

export const EXIT = {
  ok: 0,
  failure: 1,
  /** A command line that cannot be understood. */
  usage: 2,
  /** The same in `hopbine fs`, as Hadoop's shell answers it. */
  fsUsage: 255,
  /** A defect of ours. */
  defect: 70,
  /** Ended by Ctrl-C: 128 and the number of SIGINT. */
  interrupted: 130,
  /** The reader of our output went away: 128 and the number of SIGPIPE. */
  brokenPipe: 141,
  /** Ended by SIGTERM. */
  terminated: 143,
} as const

/** What went wrong, in a sentence that says what to do. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, exitCode: number = EXIT.failure, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** The command line is wrong; the usage is worth showing. */
export class UsageError extends CommandError {
  override name = 'UsageError'

  constructor(message: string, exitCode: number = EXIT.usage) {
    super(message, exitCode)
  }
}

/** Ends the process at Ctrl-C, for commands that have nothing to clean up. */
export function exitOnInterrupt(): void {
  process.on('SIGINT', () => process.exit(EXIT.interrupted))
}
