/**
 * A disk that is slow or full at times, whose syncs fail, and that forgets in a crash what it was not asked
 * to keep: of the writes since the last finished sync a crash leaves some, from the first on.
 */
import type { Chance } from './chance.ts'
import type { DiskWrite, LogImage } from './stored-log.ts'
import type { VirtualTime } from './virtual-time.ts'

export class SimulatedDisk {
  readonly #time: VirtualTime
  readonly #chance: Chance
  /** What reads see. */
  cached: LogImage
  /** What a crash leaves at least. */
  durable: LogImage
  #unsynced: DiskWrite[] = []
  /** Counts crashes, so that a sync of an earlier life is not reported. */
  #life = 0
  /** Syncs take so many times longer while the disk is slow. */
  slowness = 1
  /** There is no room for entries and snapshots. */
  isFull = false
  /** The next sync fails, and what it should have stored is lost although reads still see it. */
  failsNextSync = false

  constructor(time: VirtualTime, chance: Chance, image: LogImage) {
    this.#time = time
    this.#chance = chance
    this.cached = image
    this.durable = image.copy()
  }

  write(write: DiskWrite): void {
    this.cached.write(write)
    this.#unsynced.push(write)
  }

  /** Calls back when everything written before is durable, or with an error: then nobody knows what is. */
  sync(done: (error: Error | undefined) => void): void {
    const life = this.#life
    const count = this.#unsynced.length
    const delayMs = this.#chance.between(0.5, 4) * this.slowness
    this.#time.after(delayMs, () => {
      if (life !== this.#life) return
      const writes = this.#unsynced.splice(0, count)
      if (this.failsNextSync) {
        this.failsNextSync = false
        // What was written behind the gap does not follow any more, so that a start does not take it.
        this.#unsynced = []
        return done(new Error('EIO'))
      }
      for (const write of writes) this.durable.write(write)
      done(undefined)
    })
  }

  /** The power fails: of what was not synced a part from the first on is left. */
  crash(): void {
    this.#life += 1
    const kept = this.#chance.below(this.#unsynced.length + 1)
    for (const write of this.#unsynced.slice(0, kept)) this.durable.write(write)
    this.#unsynced = []
    this.cached = this.durable.copy()
  }

  /** Called before a start. */
  repair(): void {
    this.durable.repair()
    this.cached = this.durable.copy()
  }

  /** The bytes of an entry that was stored go bad. */
  rot(index: number): void {
    if (this.cached.entryAt(index) !== this.durable.entryAt(index)) return
    this.durable.rotten.add(index)
    this.cached.rotten.add(index)
  }
}
