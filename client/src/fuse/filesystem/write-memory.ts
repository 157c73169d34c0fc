/**
 * Bounds what all open files of a mount hold in memory of their writers: when it is too much, files that
 * were not written for longest save everything and let go of it. Pure but for that.
 */

/** What holds bytes, and can save them. */
export interface Holder {
  readonly heldBytes: number
  /** Saves and holds nothing afterwards; after a failure it holds what it held. */
  spill(): Promise<void>
}

/** Bytes that may be held before a write waits for room. */
const HELD_BYTES_MAX = 256 * 1024 * 1024

export class WriteMemory {
  readonly #max: number
  /** Last written last. */
  readonly #held = new Map<Holder, number>()
  #bytes = 0
  #makingRoom: Promise<void> | undefined

  constructor(max = HELD_BYTES_MAX) {
    this.#max = max
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The holder was written, or has saved. */
  note(holder: Holder): void {
    this.#bytes -= this.#held.get(holder) ?? 0
    this.#held.delete(holder)
    const bytes = holder.heldBytes
    if (bytes > 0) this.#held.set(holder, bytes)
    this.#bytes += bytes
  }

  get hasRoom(): boolean {
    return this.#bytes <= this.#max
  }

  /** Resolves when no more is held than may be. Throws the last failure when nothing more can be saved. */
  async room(): Promise<void> {
    if (this.hasRoom) return
    this.#makingRoom ??= this.#makeRoom().finally(() => {
      this.#makingRoom = undefined
    })
    await this.#makingRoom
  }

  async #makeRoom(): Promise<void> {
    let failure: unknown
    for (const holder of [...this.#held.keys()]) {
      if (this.#bytes <= this.#max) return
      try {
        await holder.spill()
      } catch (error) {
        // It keeps its bytes, and whoever closes it hears of it; others may have room to give.
        failure = error
      }
      this.note(holder)
    }
    if (this.#bytes > this.#max && failure !== undefined) throw failure
  }
}
