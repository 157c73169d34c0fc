/**
 * Pieces of work one after the other, in the order they were asked for. A failure of one does not stop the
 * next.
 */
export class Serial {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = Promise.allSettled([result])
    return result
  }
}
