/**
 * Runs many tasks with a bound on how many are under way: `add` waits for a free lane. The first failure
 * ends it all: it is thrown by the next `add` or by `done`. Tasks that tell their own failures simply do
 * not throw.
 */

export class Lanes {
  readonly #lanesMax: number
  readonly #running = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | undefined

  constructor(lanesMax: number) {
    this.#lanesMax = lanesMax
  }

  async add(task: () => Promise<void>): Promise<void> {
    this.#throwFailure()
    while (this.#running.size >= this.#lanesMax) await Promise.race(this.#running)
    this.#throwFailure()
    const run: Promise<void> = task()
      .catch((error: unknown) => {
        this.#failure ??= { error }
      })
      .finally(() => this.#running.delete(run))
    this.#running.add(run)
  }

  /** Resolves when every task has ended; throws the first failure. */
  async done(): Promise<void> {
    await this.settle()
    this.#throwFailure()
  }

  /** Resolves when every task has ended, however it did. */
  async settle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }
}
