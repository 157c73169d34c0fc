/**
 * Pieces of work one after the other, in the order they were asked for. A failure of one does not stop the
 * next.
 */
export class Serial {
  #last: Promise<unknown> = Promise.resolve()
  #count = 0
  readonly #ended = (): void => {
    this.#count -= 1
  }

  /** Nothing is at work and nothing waits. */
  get isIdle(): boolean {
    return this.#count === 0
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1
    const result = this.#last.then(work)
    this.#last = result.then(this.#ended, this.#ended)
    return result
  }
}
