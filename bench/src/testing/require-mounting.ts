/** For files of tests that need real mounts. */
import { mountHindrance } from '../integration/mounted.ts'

/** The part of tap's `t` that is needed to say why nothing is tested. */
interface Teller {
  comment(text: string): void
  pass(message: string, extra: { readonly skip: string }): unknown
}

/**
 * Ends a test file where something is in the way of mounting, and says so loudly. `what` begins the sentence:
 * what was not tested.
 */
export function requireMounting(t: Teller, what: string, hindrance = mountHindrance()): void {
  if (hindrance === undefined) return
  t.comment(`${what}: ${hindrance}`)
  t.pass(`skipped: ${hindrance}`, { skip: hindrance })
  process.exit(0)
}
