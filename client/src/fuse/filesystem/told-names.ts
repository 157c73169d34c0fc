/**
 * Until when the kernel may use each name that it was told: a table of fixed size over hashes of names. What
 * is over makes room for what is told next; where there is none, every name counts as told for that long.
 */
const PLACES = 131_072
/** A name lies at one of so many neighbouring places. */
const NEIGHBOURS = 16

export class ToldNames {
  readonly #hashes = new Float64Array(PLACES)
  readonly #untilMs = new Float64Array(PLACES)
  #allUntilMs = 0

  tell(hash: number, untilMs: number, nowMs: number): void {
    let free = -1
    for (let step = 0; step < NEIGHBOURS; step++) {
      const at = placeOf(hash, step)
      if (this.#hashes[at] === hash) {
        this.#untilMs[at] = Math.max(this.#untilMs[at] as number, untilMs)
        return
      }
      if (free < 0 && (this.#untilMs[at] as number) <= nowMs) free = at
    }
    if (free < 0) {
      this.#allUntilMs = Math.max(this.#allUntilMs, untilMs)
      return
    }
    this.#hashes[free] = hash
    this.#untilMs[free] = untilMs
  }

  /** 0: it is not told, or not any more. */
  untilMs(hash: number, nowMs: number): number {
    let untilMs = this.#allUntilMs
    for (let step = 0; step < NEIGHBOURS; step++) {
      const at = placeOf(hash, step)
      if (this.#hashes[at] === hash) untilMs = Math.max(untilMs, this.#untilMs[at] as number)
    }
    return untilMs > nowMs ? untilMs : 0
  }
}

/** Neighbours lie side by side. */
function placeOf(hash: number, step: number): number {
  return (hash + step) % PLACES
}
