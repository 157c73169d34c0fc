/**
 * Rows of files read lately, in typed arrays: a bounded number of places, one for each hash, so that nothing
 * is allocated and nothing is swept. The table drops a row here whenever it changes it. Only what fits a
 * place is kept: files, with ASCII names of up to 48 characters.
 */
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { EntryRow } from './tables/entry-table.ts'

const NAME_CHARS_MAX = 48
/** 64-bit columns of a place: parent, id, size, atime, mtime, ctime, block size. */
const WIDE = 7
/** 32-bit columns: owner, group, three nanoseconds, links, generation, mode and kind, flags and copies. */
const NARROW = 9
const U32_MAX = 0xffffffff

export class RowCache {
  readonly #mask: number
  readonly #wide: Float64Array
  readonly #narrow: Uint32Array
  readonly #names: Uint8Array
  /** Length of the name in a place; 0 where it is empty. */
  readonly #lengths: Uint8Array

  /** `places` is a power of two; each takes 141 bytes. */
  constructor(places: number) {
    this.#mask = places - 1
    this.#wide = new Float64Array(places * WIDE)
    this.#narrow = new Uint32Array(places * NARROW)
    this.#names = new Uint8Array(places * NAME_CHARS_MAX)
    this.#lengths = new Uint8Array(places)
  }

  get(parentId: number, name: string): EntryRow | undefined {
    const place = this.#placeOf(parentId, name)
    return this.#holds(place, parentId, name) ? this.#read(place, parentId, name) : undefined
  }

  put(row: EntryRow): void {
    const { parentId, name } = row
    if (row.kind !== KIND.file || name.length > NAME_CHARS_MAX || row.generation > U32_MAX) return
    const place = this.#placeOf(parentId, name)
    const start = place * NAME_CHARS_MAX
    this.#lengths[place] = 0
    for (let i = 0; i < name.length; i++) {
      const char = name.charCodeAt(i)
      if (char > 127) return
      this.#names[start + i] = char
    }
    this.#lengths[place] = name.length
    this.#write(place, row)
  }

  drop(parentId: number, name: string): void {
    const place = this.#placeOf(parentId, name)
    if (this.#holds(place, parentId, name)) this.#lengths[place] = 0
  }

  #holds(place: number, parentId: number, name: string): boolean {
    if (this.#lengths[place] !== name.length || this.#wide[place * WIDE] !== parentId) return false
    const start = place * NAME_CHARS_MAX
    for (let i = 0; i < name.length; i++) if (this.#names[start + i] !== name.charCodeAt(i)) return false
    return true
  }

  #read(place: number, parentId: number, name: string): EntryRow {
    const wide = this.#wide
    const narrow = this.#narrow
    const w = place * WIDE
    const n = place * NARROW
    const modeAndKind = narrow[n + 7] as number
    const flagsAndCopies = narrow[n + 8] as number
    return {
      parentId,
      name,
      id: wide[w + 1] as number,
      kind: modeAndKind & 0xf,
      mode: modeAndKind >>> 4,
      ownerId: narrow[n] as number,
      groupId: narrow[n + 1] as number,
      size: wide[w + 2] as number,
      atime: wide[w + 3] as number,
      atimeNs: narrow[n + 2] as number,
      mtime: wide[w + 4] as number,
      mtimeNs: narrow[n + 3] as number,
      ctime: wide[w + 5] as number,
      ctimeNs: narrow[n + 4] as number,
      nlink: narrow[n + 5] as number,
      blockSize: wide[w + 6] as number,
      replication: flagsAndCopies & 0xff,
      storageClass: 0,
      flags: flagsAndCopies >>> 8,
      generation: narrow[n + 6] as number,
      target: null,
    }
  }

  #write(place: number, row: EntryRow): void {
    const w = place * WIDE
    const n = place * NARROW
    this.#wide[w] = row.parentId
    this.#wide[w + 1] = row.id
    this.#wide[w + 2] = row.size
    this.#wide[w + 3] = row.atime
    this.#wide[w + 4] = row.mtime
    this.#wide[w + 5] = row.ctime
    this.#wide[w + 6] = row.blockSize
    this.#narrow[n] = row.ownerId
    this.#narrow[n + 1] = row.groupId
    this.#narrow[n + 2] = row.atimeNs
    this.#narrow[n + 3] = row.mtimeNs
    this.#narrow[n + 4] = row.ctimeNs
    this.#narrow[n + 5] = row.nlink
    this.#narrow[n + 6] = row.generation
    this.#narrow[n + 7] = (row.mode << 4) | row.kind
    this.#narrow[n + 8] = (row.flags << 8) | row.replication
  }

  #placeOf(parentId: number, name: string): number {
    let hash = Math.imul((parentId >>> 0) + 1, 0x9e3779b1) ^ Math.floor(parentId / 2 ** 32)
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
    hash ^= hash >>> 15
    return (Math.imul(hash, 0x7feb352d) >>> 8) & this.#mask
  }
}
