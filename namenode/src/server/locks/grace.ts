/**
 * The time after a start in which sessions of before say again what they hold. It is over when all of them
 * have, or after one term; where there were none it never begins.
 */
export class Grace {
  readonly #awaited: Set<string>
  readonly #untilMs: number
  readonly #onOver: () => void
  #over: Promise<void> | undefined
  #end: () => void = () => undefined

  constructor(awaited: Iterable<string>, untilMs: number, onOver: () => void) {
    this.#awaited = new Set(awaited)
    this.#untilMs = untilMs
    this.#onOver = onOver
    if (this.#awaited.size === 0) return
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#over = promise
    this.#end = resolve
  }

  /** Resolves at its end; undefined once it is over. */
  get over(): Promise<void> | undefined {
    return this.#over
  }

  awaits(clientId: string): boolean {
    return this.#over !== undefined && this.#awaited.has(clientId)
  }

  /** The session has said what it holds, or is known to be dead. */
  heard(clientId: string): void {
    if (this.#awaited.delete(clientId) && this.#awaited.size === 0) this.#finish()
  }

  /** Sessions that did not come in time; [] before that. */
  late(nowMs: number): string[] {
    if (this.#over === undefined || nowMs < this.#untilMs) return []
    const late = [...this.#awaited]
    this.#awaited.clear()
    this.#finish()
    return late
  }

  #finish(): void {
    this.#over = undefined
    this.#onOver()
    this.#end()
  }
}
