/**
 * Where the frames of one segment begin, by the first index of each. Two numbers a frame, so that a segment
 * of many small frames costs little memory. A frame holds what lies before the first index of the next one:
 * the end of an earlier frame counts no more where a later frame begins.
 */

const FRAMES_AT_FIRST = 64

export class FramePlaces {
  #firstIndexes = new Float64Array(FRAMES_AT_FIRST)
  #positions = new Float64Array(FRAMES_AT_FIRST)
  #count = 0

  get count(): number {
    return this.#count
  }

  firstIndexAt(frame: number): number {
    return this.#firstIndexes[frame] as number
  }

  /** Byte in the segment. */
  positionAt(frame: number): number {
    return this.#positions[frame] as number
  }

  add(firstIndex: number, position: number): void {
    if (this.#count === this.#positions.length) {
      this.#firstIndexes = doubled(this.#firstIndexes)
      this.#positions = doubled(this.#positions)
    }
    this.#firstIndexes[this.#count] = firstIndex
    this.#positions[this.#count] = position
    this.#count += 1
  }

  /** Forgets frames that begin at `index` or behind it. */
  truncate(index: number): void {
    while (this.#count > 0 && this.firstIndexAt(this.#count - 1) >= index) this.#count -= 1
  }

  /** The last frame that begins at `index` or before it; -1 if there is none. */
  find(index: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.firstIndexAt(middle) <= index) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

function doubled(numbers: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
