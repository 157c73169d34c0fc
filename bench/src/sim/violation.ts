/** Something happened that must not, in a simulated run. */
export class Violation extends Error {
  override name = 'Violation'
  /** Which rule was broken, in a word or two. */
  readonly rule: string

  constructor(rule: string, message: string) {
    super(`${rule}: ${message}`)
    this.rule = rule
  }
}
