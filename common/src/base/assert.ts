/**
 * Assertions that stay on in production. A failed assertion is a defect of ours, never a user's mistake:
 * it throws `AssertionError`, which no layer turns into an answer, so the process that may be wrong stops.
 */

export class AssertionError extends Error {
  override name = 'AssertionError'
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new AssertionError(message)
}

/** For the branch that cannot happen: the compiler proves it, and if it lies the process stops. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable value ${JSON.stringify(value)}`)
}
