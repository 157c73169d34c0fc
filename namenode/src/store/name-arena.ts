/**
 * Names of slots as UTF-16 units in one growing array. Compared in place, so that a path is matched without
 * making a string per component. Space of dropped names is won back when it exceeds half of the array.
 */
const START_UNITS = 32 * 1024
const START_SLOTS = 1024

export class NameArena {
  #units = new Uint16Array(START_UNITS)
  #end = 0
  #dropped = 0
  #start = new Float64Array(START_SLOTS)
  #length = new Uint16Array(START_SLOTS)

  set(slot: number, name: string): void {
    if (slot >= this.#start.length) this.#growSlots(slot)
    this.drop(slot)
    if (this.#end + name.length > this.#units.length) this.#room(name.length)
    for (let i = 0; i < name.length; i++) this.#units[this.#end + i] = name.charCodeAt(i)
    this.#start[slot] = this.#end
    this.#length[slot] = name.length
    this.#end += name.length
  }

  get(slot: number): string {
    const start = this.#start[slot] as number
    return String.fromCharCode(...this.#units.subarray(start, start + (this.#length[slot] as number)))
  }

  /** True if the slot's name is `text[from, to)`. */
  equals(slot: number, text: string, from: number, to: number): boolean {
    if (this.#length[slot] !== to - from) return false
    const units = this.#units
    const shift = (this.#start[slot] as number) - from
    for (let i = from; i < to; i++) if (units[i + shift] !== text.charCodeAt(i)) return false
    return true
  }

  drop(slot: number): void {
    this.#dropped += this.#length[slot] ?? 0
    this.#length[slot] = 0
  }

  #growSlots(slot: number): void {
    const capacity = Math.max(slot + 1, this.#start.length * 2)
    const start = new Float64Array(capacity)
    start.set(this.#start)
    this.#start = start
    const length = new Uint16Array(capacity)
    length.set(this.#length)
    this.#length = length
  }

  /** Makes room for `units` more: by packing when half is waste, else by doubling. */
  #room(units: number): void {
    const packs = this.#dropped * 2 > this.#units.length
    const old = this.#units
    this.#units = new Uint16Array(packs ? old.length : Math.max(old.length * 2, this.#end + units))
    let end = 0
    for (let slot = 0; slot < this.#start.length; slot++) {
      const length = this.#length[slot] as number
      if (length === 0) continue
      const start = this.#start[slot] as number
      this.#units.set(old.subarray(start, start + length), end)
      this.#start[slot] = end
      end += length
    }
    this.#end = end
    this.#dropped = 0
    if (end + units > this.#units.length) this.#room(units)
  }
}
