/**
 * Answers of listings as bytes, for directories that are small enough to be answered in one page. Bounded in
 * bytes; the one used longest ago goes first. An answer is good as long as its directory's version is the one
 * it was made at.
 */
interface Kept {
  readonly version: number
  readonly entries: number
  readonly bytes: Uint8Array
}

/** Larger answers are made anew each time, in bytes. */
const ANSWER_BYTES_MAX = 64 * 1024
/** What an answer costs besides its own bytes. */
const OVERHEAD_BYTES = 256

export class ListingCache {
  readonly #bytesMax: number
  readonly #kept = new Map<number, Kept>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The answer for a directory's slot, if it was made at this version and has at most `limit` entries. */
  get(slot: number, version: number, limit: number): Uint8Array | undefined {
    const kept = this.#kept.get(slot)
    if (kept === undefined) return undefined
    this.#kept.delete(slot)
    if (kept.version !== version) {
      this.#bytes -= kept.bytes.length + OVERHEAD_BYTES
      return undefined
    }
    // Back at the young end.
    this.#kept.set(slot, kept)
    return kept.entries <= limit ? kept.bytes : undefined
  }

  put(slot: number, version: number, entries: number, bytes: Uint8Array): void {
    if (bytes.length > ANSWER_BYTES_MAX) return
    this.#drop(slot)
    this.#kept.set(slot, { version, entries, bytes })
    this.#bytes += bytes.length + OVERHEAD_BYTES
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= this.#bytesMax) return
      this.#drop(oldest)
    }
  }

  #drop(slot: number): void {
    const kept = this.#kept.get(slot)
    if (kept === undefined) return
    this.#kept.delete(slot)
    this.#bytes -= kept.bytes.length + OVERHEAD_BYTES
  }
}
