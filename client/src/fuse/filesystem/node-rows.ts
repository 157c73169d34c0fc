/**
 * Rows of numbers for inodes, in typed arrays: a kernel may know millions of them, and an object for each
 * would cost several times as much. Found by inode id through a table with open addressing. A row that was
 * removed may be used for another inode at once: its number is good until then.
 */
const START_ROWS = 1024
const NONE = -1
/** Places of the table per row: at most half of them are taken. */
const PLACES_PER_ROW = 2
const WORD = 2 ** 32

export class NodeRows {
  #capacity = START_ROWS
  #count = 0
  /** Rows below it were used; those that are free are in `free`. */
  #used = 0
  #free: number[] = []
  /** Row by place; NONE: nothing is there. */
  #table = emptyTable(START_ROWS)
  id = new Float64Array(START_ROWS)
  lookups = new Float64Array(START_ROWS)
  place = new Float64Array(START_ROWS)
  told = new Float64Array(START_ROWS)
  pages = new Float64Array(START_ROWS)
  seenPages = new Float64Array(START_ROWS)
  flags = new Uint32Array(START_ROWS)
  flagsAtMs = new Float64Array(START_ROWS)

  get count(): number {
    return this.#count
  }

  /** Its row, or −1. */
  find(id: number): number {
    for (let at = this.#home(id); ; at = this.#next(at)) {
      const row = this.#table[at] as number
      if (row === NONE || this.id[row] === id) return row
    }
  }

  /** A new row, of zeroes; the inode has none. Other rows keep their numbers. */
  add(id: number): number {
    if (this.#count === this.#capacity) this.#move(this.#capacity * 2, Int32Array.from(this.id.keys()))
    const row = this.#free.pop() ?? this.#used++
    this.#count += 1
    this.#clear(row, id)
    this.#enter(row)
    return row
  }

  /** Rows of other inodes may get other numbers. */
  remove(row: number): void {
    this.#leave(row)
    this.#count -= 1
    this.#free.push(row)
    const isSparse = this.#capacity > START_ROWS && this.#count < this.#capacity / 8
    if (isSparse)
      this.#move(
        this.#capacity / 4,
        this.#table.filter(each => each !== NONE),
      )
  }

  #clear(row: number, id: number): void {
    this.id[row] = id
    this.lookups[row] = 0
    this.place[row] = 0
    this.told[row] = 0
    this.pages[row] = 0
    this.seenPages[row] = 0
    this.flags[row] = 0
    this.flagsAtMs[row] = 0
  }

  #home(id: number): number {
    const mixed = Math.imul((id | 0) ^ Math.imul(Math.floor(id / WORD), 0x85ebca6b), 0x9e3779b1)
    return (mixed ^ (mixed >>> 15)) & (this.#table.length - 1)
  }

  #next(at: number): number {
    return (at + 1) & (this.#table.length - 1)
  }

  #enter(row: number): void {
    let at = this.#home(this.id[row] as number)
    while (this.#table[at] !== NONE) at = this.#next(at)
    this.#table[at] = row
  }

  /** Rows behind the gap move into it, so that a search never ends too early. */
  #leave(row: number): void {
    let gap = this.#home(this.id[row] as number)
    while (this.#table[gap] !== row) gap = this.#next(gap)
    for (let at = this.#next(gap); this.#table[at] !== NONE; at = this.#next(at)) {
      const home = this.#home(this.id[this.#table[at] as number] as number)
      const mask = this.#table.length - 1
      // It is looked for from its home on: it may go back to the gap if that is not before its home.
      if (((at - home) & mask) >= ((at - gap) & mask)) {
        this.#table[gap] = this.#table[at] as number
        gap = at
      }
    }
    this.#table[gap] = NONE
  }

  /** Into larger or smaller arrays, in this order. */
  #move(capacity: number, rows: Int32Array): void {
    const packed = <T extends Float64Array | Uint32Array>(from: T, to: T): T => {
      for (let at = 0; at < rows.length; at++) to[at] = from[rows[at] as number] as number
      return to
    }
    this.id = packed(this.id, new Float64Array(capacity))
    this.lookups = packed(this.lookups, new Float64Array(capacity))
    this.place = packed(this.place, new Float64Array(capacity))
    this.told = packed(this.told, new Float64Array(capacity))
    this.pages = packed(this.pages, new Float64Array(capacity))
    this.seenPages = packed(this.seenPages, new Float64Array(capacity))
    this.flags = packed(this.flags, new Uint32Array(capacity))
    this.flagsAtMs = packed(this.flagsAtMs, new Float64Array(capacity))
    this.#capacity = capacity
    this.#used = rows.length
    this.#free = []
    this.#table = emptyTable(capacity)
    for (let row = 0; row < rows.length; row++) this.#enter(row)
  }
}

function emptyTable(rows: number): Int32Array {
  return new Int32Array(rows * PLACES_PER_ROW).fill(NONE)
}
