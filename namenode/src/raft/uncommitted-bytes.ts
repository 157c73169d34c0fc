/** How many bytes of a leader's proposals wait for their commitment, counted by batches. */

interface Mark {
  readonly index: number
  /** All bytes proposed up to `index`. */
  readonly proposed: number
}

export class UncommittedBytes {
  readonly #marks: Mark[] = []
  #proposed = 0
  #committed = 0

  get total(): number {
    return this.#proposed - this.#committed
  }

  add(bytes: number): void {
    this.#proposed += bytes
  }

  /** What was added since the last mark ends with this entry. */
  mark(index: number): void {
    if (this.#proposed > (this.#marks.at(-1)?.proposed ?? this.#committed)) {
      this.#marks.push({ index, proposed: this.#proposed })
    }
  }

  clear(): void {
    this.#marks.length = 0
    this.#committed = this.#proposed
  }

  noteCommitted(index: number): void {
    while ((this.#marks[0]?.index ?? Number.POSITIVE_INFINITY) <= index) {
      this.#committed = (this.#marks.shift() as Mark).proposed
    }
  }
}
