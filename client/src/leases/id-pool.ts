/** Inode ids that the namenode gave to a queue, handed out one by one. */
interface Range {
  next: number
  readonly end: number
}

/** So many are asked for when fewer than half of them are left. */
const IDS_KEPT = 16_384

export class IdPool {
  #ranges: Range[] = []
  #count = 0
  #waiters: (() => void)[] = []

  get count(): number {
    return this.#count
  }

  /** How many to ask for with the next message; 0: there are enough. */
  get wanted(): number {
    return this.#count < IDS_KEPT / 2 ? IDS_KEPT - this.#count : 0
  }

  add(firstId: number, ids: number): void {
    if (ids === 0) return
    this.#ranges.push({ next: firstId, end: firstId + ids })
    this.#count += ids
    this.giveUp()
  }

  /** Whoever waits looks again. */
  giveUp(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }

  get isWaitedFor(): boolean {
    return this.#waiters.length > 0
  }

  /** 0: none is left. */
  take(): number {
    const range = this.#ranges[0]
    if (range === undefined) return 0
    const id = range.next++
    this.#count -= 1
    if (range.next === range.end) this.#ranges.shift()
    return id
  }

  /** Resolves when there are more. */
  until(): Promise<void> {
    if (this.#count > 0) return Promise.resolve()
    return new Promise(resolve => {
      this.#waiters.push(resolve)
    })
  }
}
