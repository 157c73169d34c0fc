/**
 * What a queue may still add below each quota: the namenode has set it aside, what is queued is charged
 * against it. What an operation frees is the namenode's to count, when it is committed.
 */
import { RESERVE_DISK_BYTES, RESERVE_NAMES } from '@hopbine/common/protocol/directory-leases.ts'

/** What an operation may add below a quota at most. */
export interface Charge {
  /** Directory with the quota. */
  readonly quotaRoot: number
  readonly names: number
  /** With all copies. */
  readonly diskBytes: number
}

export type Room = Pick<Charge, 'names' | 'diskBytes'>

interface Reserve {
  /** Set aside at the namenode, as of the last batch that was applied. */
  reserved: Room
  /** By operations behind that batch. */
  charged: Room
  /** The namenode had too little: it decides by itself up to then, by the monotonic clock. */
  shortUntil: number
}

interface Waiter {
  readonly charge: Charge
  resolve(): void
  reject(error: Error): void
}

const NOTHING: Room = { names: 0, diskBytes: 0 }
/** Beyond it an operation is never done here. */
const CHARGE_MAX: Room = { names: RESERVE_NAMES / 2, diskBytes: RESERVE_DISK_BYTES / 2 }
/** When more is asked for again where little was left, in milliseconds. */
const SHORT_MS = 200

/** Undefined where no quota counts it, or nothing is added. */
export function chargeOf(quotaRoot: number, names: number, diskBytes: number): Charge | undefined {
  if (quotaRoot === 0 || (names <= 0 && diskBytes <= 0)) return undefined
  return { quotaRoot, names: Math.max(0, names), diskBytes: Math.max(0, diskBytes) }
}

export class QuotaRooms {
  readonly #reserves = new Map<number, Reserve>()
  #waiters: Waiter[] = []

  /** Whether it can be answered here; `instead`: of a charge of before. */
  fits({ quotaRoot, names, diskBytes }: Charge, instead: Room = NOTHING): boolean {
    const { reserved, charged } = this.#reserveOf(quotaRoot)
    return (
      charged.names + names - instead.names <= reserved.names &&
      charged.diskBytes + diskBytes - instead.diskBytes <= reserved.diskBytes
    )
  }

  /** Whether asking for more is no use now. */
  isShort({ quotaRoot, names, diskBytes }: Charge): boolean {
    if (names > CHARGE_MAX.names || diskBytes > CHARGE_MAX.diskBytes) return true
    return performance.now() < this.#reserveOf(quotaRoot).shortUntil
  }

  charge(charge: Charge | undefined): void {
    if (charge !== undefined) this.#add(charge, 1)
  }

  /** The operation is committed, or never was. */
  refund(charge: Charge | undefined): void {
    if (charge !== undefined) this.#add(charge, -1)
  }

  /** A first directory below a quota was leased. */
  begun(quotaRoot: number, room: Room): void {
    // What batches told is newer, or the same.
    if (quotaRoot === 0 || this.#reserves.has(quotaRoot) || room.names + room.diskBytes === 0) return
    this.#reserveOf(quotaRoot).reserved = room
  }

  /** A batch was applied: this is set aside now, at these quotas only. `asked`: what it asked for. */
  told(rooms: readonly Charge[], asked: Room): void {
    const isAsked = asked.names + asked.diskBytes > 0
    const told = new Map(rooms.map(room => [room.quotaRoot, room]))
    for (const [quotaRoot, reserve] of this.#reserves) {
      const { names, diskBytes } = told.get(quotaRoot) ?? NOTHING
      reserve.reserved = { names, diskBytes }
      const isCharged = reserve.charged.names + reserve.charged.diskBytes > 0
      if (!told.has(quotaRoot) && !isCharged && !isAsked) this.#reserves.delete(quotaRoot)
    }
    for (const { quotaRoot, names, diskBytes } of rooms) {
      if (!this.#reserves.has(quotaRoot)) this.#reserveOf(quotaRoot).reserved = { names, diskBytes }
    }
    if (!isAsked) return
    for (const { charge } of this.#waiters) {
      if (!this.fits(charge)) this.#reserveOf(charge.quotaRoot).shortUntil = performance.now() + SHORT_MS
    }
    this.giveUp()
  }

  /** What to ask for with the next batch: the same below every quota. */
  get wanted(): Room {
    let [names, diskBytes] = [0, 0]
    for (const { reserved, charged } of this.#reserves.values()) {
      const isLow =
        reserved.names - charged.names < CHARGE_MAX.names ||
        reserved.diskBytes - charged.diskBytes < CHARGE_MAX.diskBytes
      if (!isLow) continue
      names = Math.max(names, RESERVE_NAMES + charged.names)
      diskBytes = Math.max(diskBytes, RESERVE_DISK_BYTES + charged.diskBytes)
    }
    return { names, diskBytes }
  }

  get isWaitedFor(): boolean {
    return this.#waiters.length > 0
  }

  /** Resolves when the namenode was asked for more; rejects when it could not be. */
  until(charge: Charge): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ charge, resolve, reject })
    })
  }

  /** Whoever waits looks again. */
  giveUp(): void {
    for (const { resolve } of this.#takeWaiters()) resolve()
  }

  fail(error: Error): void {
    for (const { reject } of this.#takeWaiters()) reject(error)
  }

  #takeWaiters(): Waiter[] {
    const waiters = this.#waiters
    this.#waiters = []
    return waiters
  }

  #reserveOf(quotaRoot: number): Reserve {
    let reserve = this.#reserves.get(quotaRoot)
    if (reserve === undefined) {
      reserve = { reserved: NOTHING, charged: NOTHING, shortUntil: 0 }
      this.#reserves.set(quotaRoot, reserve)
    }
    return reserve
  }

  #add({ quotaRoot, names, diskBytes }: Charge, sign: 1 | -1): void {
    const reserve = this.#reserveOf(quotaRoot)
    const { charged } = reserve
    reserve.charged = {
      names: charged.names + sign * names,
      diskBytes: charged.diskBytes + sign * diskBytes,
    }
  }
}
