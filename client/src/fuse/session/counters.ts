/** What a mount has done, per operation: counts and times. Numbers only; it never prints. */

export interface OperationCount {
  count: number
  /** Answered with an error, the expected ones (ENOENT) among them. */
  errors: number
  totalMs: number
  maxMs: number
}

export class Counters {
  readonly operations = new Map<string, OperationCount>()
  /** Messages that were none: too short, of a wrong length, of a wrong body. */
  malformed = 0
  /** Operations that we do not know; the kernel stops asking for them. */
  unknown = 0
  /** Answers that nobody waited for any more. */
  unwanted = 0
  /** Answers that the kernel refused: a defect of ours. */
  refused = 0
  interrupts = 0
  /** Requests that ended by a defect of ours and were answered EIO. */
  defects = 0
  /** Failures at a file's last moment, which nobody could be told. */
  lateFailures = 0

  record(name: string, ms: number, isError: boolean): void {
    let row = this.operations.get(name)
    if (row === undefined) {
      row = { count: 0, errors: 0, totalMs: 0, maxMs: 0 }
      this.operations.set(name, row)
    }
    row.count += 1
    row.totalMs += ms
    if (ms > row.maxMs) row.maxMs = ms
    if (isError) row.errors += 1
  }

  toJSON(): Record<string, unknown> {
    const { malformed, unknown, unwanted, refused, interrupts, defects, lateFailures } = this
    const operations = Object.fromEntries(this.operations)
    return { operations, malformed, unknown, unwanted, refused, interrupts, defects, lateFailures }
  }
}
