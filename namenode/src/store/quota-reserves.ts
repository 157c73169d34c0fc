/**
 * What queues of directory leases have set aside of quotas: for each directory, the sum of all reserves at or
 * below it. In memory only; the reserves themselves are in the rows of the queues.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { DirectoryTable } from './directory-table.ts'

/** Names, and bytes with their copies, that a quota counts. */
export interface Room {
  readonly names: number
  readonly diskBytes: number
}

export const NO_ROOM: Room = { names: 0, diskBytes: 0 }

export class QuotaReserves {
  readonly #directories: DirectoryTable
  readonly #within = new Map<number, Room>()

  constructor(directories: DirectoryTable) {
    this.#directories = directories
  }

  /** Set aside at or below a directory. */
  within(slot: number): Room {
    return this.#within.get(this.#directories.id[slot] as number) ?? NO_ROOM
  }

  /** Sets so much more aside at a directory; less where it is negative. */
  add(slot: number, room: Room): void {
    if (room.names === 0 && room.diskBytes === 0) return
    const { id, parent } = this.#directories
    for (let at = slot; at >= 0; at = parent[at] as number) {
      const { names, diskBytes } = this.within(at)
      const next = { names: names + room.names, diskBytes: diskBytes + room.diskBytes }
      assert(next.names >= 0 && next.diskBytes >= 0, 'no more is given back than was set aside')
      if (next.names === 0 && next.diskBytes === 0) this.#within.delete(id[at] as number)
      else this.#within.set(id[at] as number, next)
    }
  }

  /** A directory gets another parent, and with it what is set aside at or below it. */
  move(slot: number, from: number, to: number): void {
    if (this.#within.size === 0) return
    const { names, diskBytes } = this.within(slot)
    this.add(from, { names: -names, diskBytes: -diskBytes })
    this.add(to, { names, diskBytes })
  }

  /** Every directory with something set aside at or below it, by its inode. */
  all(): ReadonlyMap<number, Room> {
    return this.#within
  }
}
