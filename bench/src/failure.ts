/**
 * What ends a benchmark with one sentence instead of a stack: a wrong command line, or a machine that cannot
 * do it.
 */

export class BenchError extends Error {
  override name = 'BenchError'
}

/** The command line is wrong. */
export class UsageError extends BenchError {
  override name = 'UsageError'
}
